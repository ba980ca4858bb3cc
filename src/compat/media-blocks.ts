// Content blocks for the base64 images and documents in a request. The media type is detected from the first bytes,
// because programs often send a wrong one, which the model's API would reject.

import type { DocumentBlock, ImageBlock } from '../core/content.ts'
import { invalidField } from '../errors.ts'

/** The first bytes of each image type, in base64. */
const imageSignatures: [RegExp, string][] = [
  [/^iVBORw0KGgo/, 'image/png'],
  [/^\/9j\//, 'image/jpeg'],
  [/^R0lGOD/, 'image/gif'],
  // Other RIFF files, such as sounds, differ only from the eighth byte on.
  [/^UklGR.{6}XRUJQ/, 'image/webp'],
]
const pdfSignature = /^JVBERi/
const base64 = /^[A-Za-z0-9+/\r\n]+(?:=[\r\n]*){0,2}$/

export const isBase64 = (data: string) => base64.test(data)
export const isPdf = (data: string) => pdfSignature.test(data)

/** Throws `invalid_request` if the data is not an image type that the model accepts. */
export function imageBlock(data: string, param: string): ImageBlock {
  const mediaType = imageSignatures.find(([signature]) => signature.test(data))?.[1]
  if (mediaType === undefined)
    throw invalidField(param, 'must be an image: PNG, JPEG, GIF or WebP', 'unsupported_value')
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data } }
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
