// XMP that is kept: what it says of the picture is made true again after the picture was turned, or lost its gain map.

/** Namespaces in which photos announce a gain map, and the container of files that it lies in. */
const GAIN_MAP_NAMESPACES = [
  'http://ns.adobe.com/hdr-gain-map/1.0/',
  'http://ns.google.com/photos/1.0/container/',
  'http://ns.google.com/photos/1.0/container/item/',
  'http://ns.apple.com/HDRGainMap/1.0/',
];

/** The packet with every orientation set to upright, when the pixels are, and without a word of a gain map, which no output has. */
export function trueXmp(packet: string, { upright }: { readonly upright: boolean }): string {
  const alone = GAIN_MAP_NAMESPACES.reduce(withoutNamespace, packet);
  if (!upright) return alone;
  return alone
    .replace(/(:Orientation\s*=\s*)(["'])\s*[2-8]\s*\2/g, '$1$21$2')
    .replace(/(<([\w-]+:Orientation)(?:\s[^>]*)?>)\s*[2-8]\s*(<\/\2\s*>)/g, '$11$3');
}

/** Takes out every element and attribute of a namespace, and its declarations. */
function withoutNamespace(packet: string, namespace: string): string {
  const quoted = namespace.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const declaration = new RegExp(`\\s+xmlns:([\\w.-]+)\\s*=\\s*(["'])${quoted}\\2`, 'g');
  let text = packet;
  for (const [, prefix] of packet.matchAll(declaration)) {
    const element = `<(${prefix}:[\\w.-]+)`;
    text = text
      .replace(new RegExp(`${element}(?:\\s[^>]*)?/>`, 'g'), '')
      .replace(new RegExp(`${element}(?:\\s[^>]*)?>[\\s\\S]*?</\\1\\s*>`, 'g'), '')
      .replace(new RegExp(`\\s+${prefix}:[\\w.-]+\\s*=\\s*(["'])[\\s\\S]*?\\1`, 'g'), '');
  }
  return text.replace(declaration, '');
}
