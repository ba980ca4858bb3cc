// Pictures and files that a request brings along as data URLs. The server fetches no address.
import type { DocumentBlock, ImageBlock } from '../../core/content.ts'
import { invalid } from './errors.ts'

/** How files of these kinds begin, in base64. Programs often name the wrong kind, which the model's API would refuse. */
const imageBeginnings: [RegExp, string][] = [
  [/^iVBORw0KGgo/, 'image/png'],
  [/^\/9j\//, 'image/jpeg'],
  [/^R0lGOD/, 'image/gif'],
  [/^UklGR/, 'image/webp'],
]
const pdfBeginning = /^JVBERi/
const base64 = /^[A-Za-z0-9+/\r\n]+(?:=[\r\n]*){0,2}$/
const header = /^data:([^;,]*)(?:;[^;,]*)*;base64$/i

type Data = { mediaType: string; data: string }

function readDataUrl(url: string, param: string): Data {
  if (!/^data:/i.test(url)) {
    const fault = 'must be a data: URL with base64 data; this server fetches no addresses'
    throw invalid(param, fault, 'unsupported_value')
  }
  const comma = url.indexOf(',')
  const mediaType = comma === -1 || comma > 512 ? undefined : header.exec(url.slice(0, comma))?.[1]
  const data = url.slice(comma + 1)
  if (mediaType === undefined || !base64.test(data)) throw invalid(param, 'must be a data: URL with base64 data')
  return { mediaType: mediaType.toLowerCase(), data }
}

export function toImage(url: string, param: string): ImageBlock {
  const { data } = readDataUrl(url, param)
  const mediaType = imageBeginnings.find(([beginning]) => beginning.test(data))?.[1]
  if (mediaType === undefined) throw invalid(param, 'must be an image: PNG, JPEG, GIF or WebP', 'unsupported_value')
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data } }
}

/** A PDF or a plain text; the data of the former may also come bare. */
export function toDocument(given: string, title: string | null, param: string): DocumentBlock {
  const isBare = pdfBeginning.test(given) && base64.test(given)
  const { mediaType, data } = isBare ? { mediaType: 'application/pdf', data: given } : readDataUrl(given, param)
  const named = title === null || title === '' ? {} : { title }
  if (pdfBeginning.test(data)) {
    return { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data }, ...named }
  }
  if (!mediaType.startsWith('text/')) throw invalid(param, 'must be a PDF or a text', 'unsupported_value')
  const text = Buffer.from(data, 'base64').toString('utf8')
  return { type: 'document', source: { type: 'text', media_type: 'text/plain', data: text }, ...named }
}
