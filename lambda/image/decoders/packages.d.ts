// Packages without types of their own: what is used of them is written down in the decoder that uses it.
declare module 'libheif-js/libheif-wasm/libheif-bundle.js';
declare module '@cornerstonejs/codec-openjpeg/decodewasmjs';
