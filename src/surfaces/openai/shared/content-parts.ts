// Turns the content of messages, which is a string or an array of parts in every role, into content blocks. Blank text
// is left out because the model's API refuses it.
import type { PromptBlock, TextBlock } from '../../../core/content.ts'
import { invalidField, missingField } from '../../../errors.ts'
import type { Content, ContentPart } from '../chat/schemas.ts'
import { toDocument, toImage } from './data-urls.ts'

type OptionalContent = Content | null | undefined

function toParts(content: OptionalContent): ContentPart[] {
  if (content === null || content === undefined) return []
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content
}

const toText = (text: string): TextBlock[] => (text.trim() === '' ? [] : [{ type: 'text', text }])

/** For roles that may only contain text. */
export function toTextBlocks(content: OptionalContent, param: string): TextBlock[] {
  return toParts(content).flatMap((part, index) => {
    if (part.type === 'refusal') return toText(part.refusal)
    if (part.type === 'text' || part.type === 'input_text' || part.type === 'output_text') return toText(part.text)
    throw invalidField(`${param}[${index}].type`, 'must be text in a message of this role', 'unsupported_value')
  })
}

export function toBlocks(content: OptionalContent, param: string): PromptBlock[] {
  return toParts(content).flatMap((part, index) => toBlock(part, `${param}[${index}]`))
}

function toBlock(part: ContentPart, param: string): PromptBlock[] {
  switch (part.type) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return toText(part.text)
    case 'refusal':
      return toText(part.refusal)
    case 'image_url':
    case 'input_image':
      return [imageFrom(part, param)]
    case 'file':
      return [documentFrom(part.file, `${param}.file`)]
    case 'input_file':
      return [documentFrom(part, param)]
  }
}

function imageFrom({ image_url: image }: Extract<ContentPart, { type: 'image_url' | 'input_image' }>, param: string) {
  if (image === null || image === undefined) throw missingField(`${param}.image_url`)
  return typeof image === 'string' ? toImage(image, `${param}.image_url`) : toImage(image.url, `${param}.image_url.url`)
}

function documentFrom(
  { file_data: data, filename, file_id: id }: Extract<ContentPart, { type: 'input_file' }> | FileFields,
  param: string,
) {
  if (data) return toDocument(data, filename ?? null, `${param}.file_data`)
  if (id)
    throw invalidField(
      `${param}.file_id`,
      'is not supported: this server stores no files, send file_data',
      'unsupported_value',
    )
  throw missingField(`${param}.file_data`)
}

type FileFields = Extract<ContentPart, { type: 'file' }>['file']
