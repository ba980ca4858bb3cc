// Pictures and files that a request brings along as data URLs. The server fetches no address.

import { imageBlock, isBase64, isPdf, pdfBlock, textDocument } from '../../../compat/media-blocks.ts'
import type { DocumentBlock, ImageBlock } from '../../../core/content.ts'
import { invalidField } from '../../../errors.ts'

const header = /^data:([^;,]*)(?:;[^;,]*)*;base64$/i

type Data = { mediaType: string; data: string }

function readDataUrl(url: string, param: string): Data {
  if (!/^data:/i.test(url)) {
    const fault = 'must be a data: URL with base64 data; this server fetches no addresses'
    throw invalidField(param, fault, 'unsupported_value')
  }
  const comma = url.indexOf(',')
  const mediaType = comma === -1 || comma > 512 ? undefined : header.exec(url.slice(0, comma))?.[1]
  const data = url.slice(comma + 1)
  if (mediaType === undefined || !isBase64(data)) throw invalidField(param, 'must be a data: URL with base64 data')
  return { mediaType: mediaType.toLowerCase(), data }
}

export const toImage = (url: string, param: string): ImageBlock => imageBlock(readDataUrl(url, param).data, param)

/** A PDF or a plain text; the data of the former may also come bare. */
export function toDocument(given: string, title: string | null, param: string): DocumentBlock {
  const isBare = isPdf(given) && isBase64(given)
  const { mediaType, data } = isBare ? { mediaType: 'application/pdf', data: given } : readDataUrl(given, param)
  if (isPdf(data)) return pdfBlock(data, { title })
  if (!mediaType.startsWith('text/')) throw invalidField(param, 'must be a PDF or a text', 'unsupported_value')
  return textDocument(Buffer.from(data, 'base64').toString('utf8'), { title })
}
