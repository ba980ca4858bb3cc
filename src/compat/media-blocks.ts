// Pictures and documents that a request brings along in base64, as content blocks. What they are is read from how they begin:
// programs often name the wrong kind, which the model's API would refuse.

import type { DocumentBlock, ImageBlock } from '../core/content.ts'
import { invalidField } from '../errors.ts'

/** How files of these kinds begin, in base64. */
const imageBeginnings: [RegExp, string][] = [
  [/^iVBORw0KGgo/, 'image/png'],
  [/^\/9j\//, 'image/jpeg'],
  [/^R0lGOD/, 'image/gif'],
  // Other kinds of RIFF files, such as sounds, begin alike but for the eighth byte on.
  [/^UklGR.{6}XRUJQ/, 'image/webp'],
]
const pdfBeginning = /^JVBERi/
const base64 = /^[A-Za-z0-9+/\r\n]+(?:=[\r\n]*){0,2}$/

export const isBase64 = (data: string) => base64.test(data)
export const isPdf = (data: string) => pdfBeginning.test(data)

/** Throws `invalid_request` for what is no picture that the model takes. */
export function imageBlock(data: string, param: string): ImageBlock {
  const mediaType = imageBeginnings.find(([beginning]) => beginning.test(data))?.[1]
  if (mediaType === undefined)
    throw invalidField(param, 'must be an image: PNG, JPEG, GIF or WebP', 'unsupported_value')
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data } }
}

export type DocumentNames = Pick<DocumentBlock, 'title' | 'context'>

/** Leaves out what is empty. */
const named = (names: DocumentNames) => Object.fromEntries(Object.entries(names).filter(([, name]) => Boolean(name)))

export function pdfBlock(data: string, names: DocumentNames): DocumentBlock {
  return { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data }, ...named(names) }
}

export function textDocument(text: string, names: DocumentNames): DocumentBlock {
  return { type: 'document', source: { type: 'text', media_type: 'text/plain', data: text }, ...named(names) }
}
