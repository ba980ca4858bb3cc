// The media types of base64 data, and content blocks for the images and documents in a request. The type is detected
// from the first bytes, because programs often send a wrong one, which the model's API would reject.

import type { DocumentBlock, ImageBlock } from '../core/content.ts'
import { invalidField } from '../errors.ts'
import { imageSize } from './tokens/image-size.ts'

/** The first bytes of each type, in base64. */
const signatures: [RegExp, string][] = [
  [/^iVBORw0KGgo/, 'image/png'],
  [/^\/9j\//, 'image/jpeg'],
  [/^R0lGOD/, 'image/gif'],
  // Other RIFF files, such as sounds, differ only from the eighth byte on.
  [/^UklGR.{6}XRUJQ/, 'image/webp'],
  [/^JVBERi/, 'application/pdf'],
]
export const base64Pattern = /^[A-Za-z0-9+/\r\n]+(?:=[\r\n]*){0,2}$/

export const isBase64 = (data: string) => base64Pattern.test(data)
export const isPdf = (data: string) => mediaTypeOf(data) === 'application/pdf'

/** Null if it is none that the model accepts. */
export const mediaTypeOf = (data: string): string | null =>
  signatures.find(([signature]) => signature.test(data))?.[1] ?? null

/** Throws `invalid_request` if the data is not an image type that the model accepts. */
export function imageBlock(data: string, param: string): ImageBlock {
  const mediaType = mediaTypeOf(data)
  if (!mediaType?.startsWith('image/'))
    throw invalidField(param, 'must be an image: PNG, JPEG, GIF or WebP', 'unsupported_value')
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data } }
}

/** Seen with CLI 2.1.330: what a picture of a message may have without being changed. */
const unchanged = { bytes: 512_000, sidePixels: 2000, tiles: 4784 }
const tilePixels = 28

/** Whether the CLI makes a picture of a message smaller, or less exact, before it sends it. Not in tool results. */
export function isReducedImage(base64: string): boolean {
  if (Buffer.byteLength(base64, 'base64') > unchanged.bytes) return true
  const size = imageSize(base64)
  if (size === null) return false
  const tiles = Math.ceil(size.width / tilePixels) * Math.ceil(size.height / tilePixels)
  return Math.max(size.width, size.height) > unchanged.sidePixels || tiles > unchanged.tiles
}

export type DocumentNames = Pick<DocumentBlock, 'title' | 'context'>

/** Leaves out empty names. */
const withoutEmpty = (names: DocumentNames) =>
  Object.fromEntries(Object.entries(names).filter(([, name]) => Boolean(name)))

export function pdfBlock(data: string, names: DocumentNames): DocumentBlock {
  return { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data }, ...withoutEmpty(names) }
}

export function textDocument(text: string, names: DocumentNames): DocumentBlock {
  return { type: 'document', source: { type: 'text', media_type: 'text/plain', data: text }, ...withoutEmpty(names) }
}
