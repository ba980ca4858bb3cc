// What a person or program puts into a prompt: text, images and documents, in the words of Anthropic's content blocks.
// Not for what the model answers (see events.ts).

/** Bytes of an image or document, in base64. The server fetches no address, so there is no other source. */
export type Base64Source = { type: 'base64'; media_type: string; data: string }

/** A document may also be plain text. */
export type TextSource = { type: 'text'; media_type: 'text/plain'; data: string }

export type TextBlock = { type: 'text'; text: string }
export type ImageBlock = { type: 'image'; source: Base64Source }
export type DocumentBlock = {
  type: 'document'
  source: Base64Source | TextSource
  title?: string | null | undefined
  context?: string | null | undefined
}

/** One block of a prompt. */
export type PromptBlock = TextBlock | ImageBlock | DocumentBlock

/** The text of a prompt without its pictures, for titles and logs. */
export function textOf(blocks: readonly PromptBlock[]): string {
  return blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n')
}
