#!/usr/bin/env bash
# Installs the judges of decoded images into .venv: Pillow with its HEIF and JPEG XL plugins, and real files from public test suites.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x .venv/bin/pip ] || python3 -m venv .venv
pip=(.venv/bin/pip --quiet --disable-pip-version-check)
"${pip[@]}" install pillow==13.0.0 pillow-heif==1.8.1 pillow-jxl-plugin numpy
if [ ! -e .venv/judged/.whole ]; then
  rm -rf .venv/judged .venv/sources
  mkdir -p .venv/judged .venv/sources
  "${pip[@]}" download --no-deps --no-binary :all: -d .venv/sources pillow==13.0.0 pillow-heif==1.8.1
  tar xzf .venv/sources/pillow-13.0.0.tar.gz -C .venv/sources --wildcards '*/Tests/images/*'
  tar xzf .venv/sources/pillow_heif-1.8.1.tar.gz -C .venv/sources --wildcards '*/tests/images/*'
  (cd .venv/sources && apt-get download -qq libjxl-testdata && dpkg -x libjxl-testdata_*.deb .)
  find .venv/sources -regextype posix-extended \
    -iregex '.*\.(heic|heif|hif|jxl|jp2|j2k|bmp|ico|psd)' -exec cp -n {} .venv/judged/ \;
  rm -rf .venv/sources
  touch .venv/judged/.whole
fi
# Animated PNG: the conformance suite that Pillow carries, taken apart by apngdis (where Pillow itself errs, it does not).
if [ ! -e .venv/apng/.whole ]; then
  rm -rf .venv/apng .venv/sources
  mkdir -p .venv/apng .venv/sources
  "${pip[@]}" download --no-deps --no-binary :all: -d .venv/sources pillow==13.0.0
  tar xzf .venv/sources/pillow-13.0.0.tar.gz -C .venv/sources --wildcards '*/Tests/images/apng/*'
  cp .venv/sources/*/Tests/images/apng/*.png .venv/apng/
  (cd .venv/sources && apt-get download -qq apngdis && dpkg -x apngdis_*.deb .)
  for file in .venv/apng/*.png; do
    .venv/sources/usr/bin/apngdis "$file" "$(basename "$file" .png)_frame" >/dev/null || true
  done
  rm -rf .venv/sources
  touch .venv/apng/.whole
fi
# Animations: AVIF sequences of Pillow's suite, and JPEG XL made by libjxl's own encoder, with what its own decoder makes of them.
if [ ! -e .venv/moving/.whole ]; then
  rm -rf .venv/moving .venv/sources
  mkdir -p .venv/moving .venv/sources
  "${pip[@]}" download --no-deps --no-binary :all: -d .venv/sources pillow==13.0.0
  tar xzf .venv/sources/pillow-13.0.0.tar.gz -C .venv/sources --wildcards '*/Tests/images/*'
  images="$(echo .venv/sources/pillow-*/Tests/images)"
  cp "$images"/avif/star.avifs "$images"/avif/star.gif "$images"/dispose_bgnd.gif "$images"/iss634.gif "$images"/apng/dispose_op_none_region.png .venv/moving/
  (cd .venv/sources && apt-get download -qq libjxl-tools libjxl0.7 && for deb in *.deb; do dpkg -x "$deb" .; done)
  LD_LIBRARY_PATH="$(echo .venv/sources/usr/lib/*-linux-gnu)"
  export LD_LIBRARY_PATH
  for file in .venv/moving/*.gif .venv/moving/*.png; do
    .venv/sources/usr/bin/cjxl --quiet -d 0 -e 3 "$file" "$file.jxl" 2>/dev/null
  done
  cp .venv/judged/cropped_traffic_light.jxl .venv/moving/
  for file in .venv/moving/*.jxl; do .venv/sources/usr/bin/djxl --quiet "$file" "$file.apng" 2>/dev/null; done
  unset LD_LIBRARY_PATH
  rm -rf .venv/sources
  touch .venv/moving/.whole
fi
