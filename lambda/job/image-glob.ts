// Which keys of a listing are images by their names: what `include` is for listings unless the job says otherwise.

/** What sharp and the decoders read, and what people call images. */
const EXTENSIONS = [
  'avif,bmp,dib,gif,heic,heif,hif,ico,j2k,jfif,jp2,jpe,jpeg,jpf,jpg,jpx,jxl,png,psb,psd,svg,svgz,tif,tiff,webp',
  'arw,cr2,cr3,dng,nef,orf,raf,rw2',
].join(',');

/** The one glob that ignores case, as cameras write .JPG. */
export const IMAGE_GLOB = `**/*.{${EXTENSIONS}}`;

/** Every key: `include` for keys that were named one by one, in `keys` or in a manifest. */
export const ANY_GLOB = '**';
