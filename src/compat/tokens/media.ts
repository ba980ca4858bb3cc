// Estimates the tokens of an image or a PDF, from as few of its bytes as possible. Does not validate the file
// (compat/media-blocks.ts): one that cannot be read counts as a file of typical size.

/**
 * Anthropic's documentation of vision: width × height / 750, after an image is scaled down to at most 1,568 pixels on
 * its long side and to about 1,600 tokens. Newer models accept larger images, which then cost more than this.
 */
const pixelsPerToken = 750
const longSideMax = 1568
const imageTokensMax = 1600

/** Anthropic's documentation of PDF support: 1,500 to 3,000 tokens a page. */
const tokensPerPage = 2000
/** Used if the pages cannot be counted: in many files they are compressed. */
const typicalBytesPerPage = 50_000
/** Far more than the API accepts; limits the search in a file that contains nothing else. */
const pageMarksMax = 100_000

/** Lengths in base64. The size of a JPEG comes after the camera's metadata, which can include a thumbnail. */
const headLength = 128
const jpegHeadLength = 350_000

type Size = { width: number; height: number }

export function estimateImage(base64: string): number {
  const size = sizeOf(base64)
  if (size === null || size.width === 0 || size.height === 0) return imageTokensMax
  const { width, height } = size
  const scale = Math.min(1, longSideMax / Math.max(width, height))
  return Math.min(imageTokensMax, Math.ceil((width * height * scale * scale) / pixelsPerToken))
}

export function estimatePdf(base64: string): number {
  const bytes = Buffer.from(base64, 'base64')
  const pages = countPages(bytes) || Math.max(1, Math.round(bytes.length / typicalBytesPerPage))
  return pages * tokensPerPage
}

/** Counts objects of type `Page`, not `Pages`. */
function countPages(bytes: Buffer): number {
  let pages = 0
  let offset = bytes.indexOf('/Type')
  for (let marks = 0; offset >= 0 && marks < pageMarksMax; marks++) {
    if (/^\/Type\s*\/Page(?![A-Za-z])/.test(bytes.toString('latin1', offset, offset + 24))) pages++
    offset = bytes.indexOf('/Type', offset + 5)
  }
  return pages
}

function sizeOf(base64: string): Size | null {
  const head = Buffer.from(base64.slice(0, headLength), 'base64')
  if (head.length < 30) return null
  if (head.readUInt32BE(0) === 0x89504e47) return { width: head.readUInt32BE(16), height: head.readUInt32BE(20) }
  const name = head.toString('latin1', 0, 4)
  if (name === 'GIF8') return { width: head.readUInt16LE(6), height: head.readUInt16LE(8) }
  if (name === 'RIFF') return webpSize(head)
  if (head.readUInt16BE(0) === 0xffd8) return jpegSize(Buffer.from(base64.slice(0, jpegHeadLength), 'base64'))
  return null
}

function webpSize(head: Buffer): Size | null {
  switch (head.toString('latin1', 12, 16)) {
    case 'VP8 ':
      return { width: head.readUInt16LE(26) & 0x3fff, height: head.readUInt16LE(28) & 0x3fff }
    case 'VP8L': {
      const bits = head.readUInt32LE(21)
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
    }
    case 'VP8X':
      return { width: head.readUIntLE(24, 3) + 1, height: head.readUIntLE(27, 3) + 1 }
    default:
      return null
  }
}

/** Reads segment by segment until one that describes the image. */
function jpegSize(bytes: Buffer): Size | null {
  let offset = 2
  while (offset + 9 <= bytes.length) {
    const marker = bytes.readUInt8(offset + 1)
    if (bytes.readUInt8(offset) !== 0xff) return null
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame) return { width: bytes.readUInt16BE(offset + 7), height: bytes.readUInt16BE(offset + 5) }
    // Any number of fill bytes may precede a marker.
    offset += marker === 0xff ? 1 : 2 + bytes.readUInt16BE(offset + 2)
  }
  return null
}
