// Estimates the tokens of an image or a PDF, from as few of its bytes as possible. Does not validate the file
// (compat/media-blocks.ts): one that cannot be read counts as a file of typical size.
import { imageSize } from './image-size.ts'

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

export function estimateImage(base64: string): number {
  const size = imageSize(base64)
  if (size === null) return imageTokensMax
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
