// Reads images and files that a request contains as data URLs. The server fetches no URLs.

import { imageBlock, isBase64, isPdf, pdfBlock, textDocument } from '../../../compat/media-blocks.ts'
import type { DocumentBlock, ImageBlock } from '../../../core/content.ts'
import { invalidField } from '../../../errors.ts'

const header = /^data:([^;,]*)(?:;[^;,]*)*;base64$/i

type Data = { mediaType: string; data: string }

function readDataUrl(url: string, param: string): Data {
  if (!/^data:/i.test(url)) {
    const reason = 'must be a data: URL with base64 data; this server does not fetch URLs'
    throw invalidField(param, reason, 'unsupported_value')
  }
  const comma = url.indexOf(',')
  const mediaType = comma === -1 || comma > 512 ? undefined : header.exec(url.slice(0, comma))?.[1]
  const data = url.slice(comma + 1)
  if (mediaType === undefined || !isBase64(data)) throw invalidField(param, 'must be a data: URL with base64 data')
  return { mediaType: mediaType.toLowerCase(), data }
}

export const toImage = (url: string, param: string): ImageBlock => imageBlock(readDataUrl(url, param).data, param)

/** A PDF or plain text. A PDF may also be bare base64, without the `data:` prefix. */
export function toDocument(value: string, title: string | null, param: string): DocumentBlock {
  const isBare = isPdf(value) && isBase64(value)
  const { mediaType, data } = isBare ? { mediaType: 'application/pdf', data: value } : readDataUrl(value, param)
  if (isPdf(data)) return pdfBlock(data, { title })
  if (!mediaType.startsWith('text/')) throw invalidField(param, 'must be a PDF or plain text', 'unsupported_value')
  return textDocument(Buffer.from(data, 'base64').toString('utf8'), { title })
}
