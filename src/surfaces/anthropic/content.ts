// Translates message content (a string or blocks) into the blocks that reach the model. Text that is only white space
// is dropped, because the model's API rejects it. The server does not fetch URLs or store files.

import { type DocumentNames, imageBlock, isBase64, isPdf, pdfBlock, textDocument } from '../../compat/media-blocks.ts'
import type { PromptBlock, TextBlock } from '../../core/content.ts'
import { invalidField, missingField } from '../../errors.ts'
import type { DocumentSource, ImageSource, RequestBlock, ResultBlock } from './schemas.ts'

export const toText = (text: string): TextBlock[] => (text.trim() === '' ? [] : [{ type: 'text', text }])

/** Blocks that both a user message and a tool result can contain. */
export type PlainBlock = Extract<ResultBlock | RequestBlock, { type: 'text' | 'image' | 'document' | 'search_result' }>

const plainTypes = ['text', 'image', 'document', 'search_result']

export const isPlain = (block: ResultBlock): block is Extract<ResultBlock, PlainBlock> =>
  plainTypes.includes(block.type)

export function toPromptBlocks(block: PlainBlock, param: string): PromptBlock[] {
  switch (block.type) {
    case 'text':
      return toText(block.text)
    case 'image':
      return [imageBlock(base64Of(block.source, `${param}.source`), `${param}.source.data`)]
    case 'document':
      return toDocument(block.source, { title: block.title, context: block.context }, `${param}.source`)
    case 'search_result':
      return toText([`${block.title} (${block.source})`, ...block.content.map(({ text }) => text)].join('\n\n'))
  }
}

function base64Of(source: ImageSource | DocumentSource, param: string): string {
  if (source.type !== 'base64') throw unsupportedSource(source, param)
  const data = required(source.data, `${param}.data`)
  if (!isBase64(data)) throw invalidField(`${param}.data`, 'must be base64')
  return data
}

function unsupportedSource({ type }: ImageSource | DocumentSource, param: string) {
  const reason =
    type === 'file'
      ? 'cannot be file: this server does not store files; send the data as base64'
      : `cannot be ${type}: this server does not fetch URLs; send the data as base64`
  return invalidField(`${param}.type`, reason, 'unsupported_value')
}

function toDocument(source: DocumentSource, names: DocumentNames, param: string): PromptBlock[] {
  if (source.type === 'text') return [textDocument(required(source.data, `${param}.data`), names)]
  if (source.type === 'content') return contentDocument(source, names, param)
  const data = base64Of(source, param)
  if (isPdf(data)) return [pdfBlock(data, names)]
  throw invalidField(`${param}.data`, 'must be a PDF', 'unsupported_value')
}

/** A document made of blocks: its texts as one document, then its images. */
function contentDocument({ content }: DocumentSource, names: DocumentNames, param: string): PromptBlock[] {
  const parts = required(content, `${param}.content`)
  if (typeof parts === 'string') return [textDocument(parts, names)]
  const texts = parts.flatMap((block) => (block.type === 'text' ? [block.text] : []))
  const images = parts.flatMap((block, index) =>
    block.type === 'image' ? toPromptBlocks(block, `${param}.content[${index}]`) : [],
  )
  return [...(texts.length === 0 ? [] : [textDocument(texts.join('\n\n'), names)]), ...images]
}

function required<T>(value: T | null | undefined, param: string): T {
  if (value === null || value === undefined || value === '') throw missingField(param)
  return value
}

/** For content that may only be text. */
export function toTexts(content: string | readonly { type: string; text?: unknown }[], param: string): string[] {
  if (typeof content === 'string') return toText(content).map(({ text }) => text)
  return content.flatMap(({ type, text }, index) => {
    if (type !== 'text' || typeof text !== 'string') {
      throw invalidField(`${param}[${index}].type`, 'must be text in a system message')
    }
    return toText(text).map((block) => block.text)
  })
}
