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
