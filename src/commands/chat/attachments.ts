// The files of `claude-serve chat --image` and `--file`, as content blocks that precede the prompt. Not for what a model does with them.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { mediaTypeOf, pdfBlock, textDocument } from '../../compat/media-blocks.ts'
import type { PromptBlock } from '../../core/content.ts'
import { CommandError, notAccepted, reasonOf } from '../command.ts'

export type AttachmentFlags = { image?: string[]; file?: string[] }

/** As the API takes it. */
export type Prompt = string | PromptBlock[]

/** Throws UsageError for a file of a type that the model cannot read, and CommandError for one that cannot be read at all. */
export function readAttachments({ image = [], file = [] }: AttachmentFlags): PromptBlock[] {
  return [
    ...image.map((path) => imageOf(read(path)) ?? refuse('--image', path, 'give a PNG, JPEG, GIF or WebP file')),
    ...file.map((path) => {
      const bytes = read(path)
      return imageOf(bytes) ?? documentOf(path, bytes) ?? refuse('--file', path, 'give a text, a PDF or an image')
    }),
  ]
}

export const withAttachments = (text: string, attachments: readonly PromptBlock[]): Prompt =>
  attachments.length === 0 ? text : [...attachments, { type: 'text', text }]

function refuse(option: string, path: string, accepted: string): never {
  throw notAccepted(option, path, accepted)
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new CommandError(`${path} cannot be read: ${reasonOf(error)}`)
  }
}

function imageOf(bytes: Buffer): PromptBlock | null {
  const data = bytes.toString('base64')
  const mediaType = mediaTypeOf(data)
  if (!mediaType?.startsWith('image/')) return null
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data } }
}

function documentOf(path: string, bytes: Buffer): PromptBlock | null {
  const names = { title: basename(path) }
  const data = bytes.toString('base64')
  if (mediaTypeOf(data) !== null) return pdfBlock(data, names)
  const text = textOf(bytes)
  return text === null ? null : textDocument(text, names)
}

function textOf(bytes: Buffer): string | null {
  try {
    const text = new TextDecoder('utf8', { fatal: true }).decode(bytes)
    return text === '' || text.includes('\0') ? null : text
  } catch {
    return null
  }
}
