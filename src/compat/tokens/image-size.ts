// The width and height of an image in base64.
import { createRequire } from 'node:module'
import type * as ImageDimensions from 'image-dimensions'

const require = createRequire(import.meta.url)

/** Lengths in base64. The size of a JPEG comes after the camera's metadata, which can include a thumbnail. */
const headLength = 128
const jpegHeadLength = 350_000

/** In pixels, from as few bytes as possible; null if they do not show it. */
export function imageSize(base64: string): { width: number; height: number } | null {
  // Loaded with the first image: most servers never see one.
  const { imageDimensionsFromData } = require('image-dimensions') as typeof ImageDimensions
  const head = base64.slice(0, base64.startsWith('/9j/') ? jpegHeadLength : headLength)
  const size = imageDimensionsFromData(Buffer.from(head, 'base64'))
  return size === undefined || size.width === 0 || size.height === 0 ? null : size
}
