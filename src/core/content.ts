// The content of a prompt: text, images and documents, as Anthropic's content blocks. What the model answers is in
// events.ts.

/** The bytes of an image or document, in base64. The server does not fetch URLs, so this is the only source. */
type Base64Source = { type: 'base64'; media_type: string; data: string }

/** Documents may also be plain text. */
type TextSource = { type: 'text'; media_type: 'text/plain'; data: string }

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
