// Content of messages, strings or blocks, as the blocks that reach the model. Text of nothing but white space is left out, as the
// model's API refuses it. The server fetches no address and keeps no files.

import { type DocumentNames, imageBlock, isBase64, isPdf, pdfBlock, textDocument } from '../../compat/media-blocks.ts'
import type { PromptBlock, TextBlock } from '../../core/content.ts'
import { invalidField } from '../../errors.ts'
import type { DocumentSource, ImageSource, RequestBlock, ResultBlock } from './schemas.ts'

export const toText = (text: string): TextBlock[] => (text.trim() === '' ? [] : [{ type: 'text', text }])

/** Blocks that a user's message and a tool's result both can have. */
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
  if (source.type !== 'base64') throw elsewhere(source, param)
  const data = required(source.data, `${param}.data`)
  if (!isBase64(data)) throw invalidField(`${param}.data`, 'must be base64')
  return data
}

function elsewhere({ type }: ImageSource | DocumentSource, param: string) {
  const fault =
    type === 'file'
      ? 'cannot be file: this server keeps no files; send the data as base64'
      : `cannot be ${type}: send the data as base64; this server fetches no addresses`
  return invalidField(`${param}.type`, fault, 'unsupported_value')
}

function toDocument(source: DocumentSource, names: DocumentNames, param: string): PromptBlock[] {
  if (source.type === 'text') return [textDocument(required(source.data, `${param}.data`), names)]
  if (source.type === 'content') return contentDocument(source, names, param)
  const data = base64Of(source, param)
  if (isPdf(data)) return [pdfBlock(data, names)]
  throw invalidField(`${param}.data`, 'must be a PDF', 'unsupported_value')
}

/** A document of blocks: its text as one, and its pictures. */
function contentDocument({ content }: DocumentSource, names: DocumentNames, param: string): PromptBlock[] {
  const given = required(content, `${param}.content`)
  if (typeof given === 'string') return [textDocument(given, names)]
  const texts = given.flatMap((block) => (block.type === 'text' ? [block.text] : []))
  const images = given.flatMap((block, at) =>
    block.type === 'image' ? toPromptBlocks(block, `${param}.content[${at}]`) : [],
  )
  return [...(texts.length === 0 ? [] : [textDocument(texts.join('\n\n'), names)]), ...images]
}

function required<T>(value: T | null | undefined, param: string): T {
  if (value === null || value === undefined || value === '') throw invalidField(param, 'is required')
  return value
}

/** For content that may be nothing but text. */
export function toTexts(content: string | readonly { type: string; text?: unknown }[], param: string): string[] {
  if (typeof content === 'string') return toText(content).map(({ text }) => text)
  return content.flatMap(({ type, text }, at) => {
    if (type !== 'text' || typeof text !== 'string') {
      throw invalidField(`${param}[${at}].type`, 'must be text in a message of this role')
    }
    return toText(text).map((block) => block.text)
  })
}
