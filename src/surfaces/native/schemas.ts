// The schema of the body that starts a run: one declaration for validation, types and openapi.json. Error messages
// complete a sentence that starts with the field's name (http/validate.ts). Its options are in core/run-options.ts.
import { z } from 'zod'
import { base64Pattern, mediaTypeOf } from '../../compat/media-blocks.ts'
import { optionSchemas } from '../../core/run-options.ts'
import { must, strict, text } from '../../core/schema.ts'

export type { FormField } from '../../core/run-options.ts'

const base64 = text.min(1, must('base64 data')).regex(base64Pattern, must('base64 data, without a data: prefix'))

const mediaType = 'The media type; the data must start as files of that type do.'
const data = 'The data in base64, without a `data:` prefix, or the text of a plain document.'
const sourceType = '`base64`, or `text` for a plain document.'

const base64Source = (...mediaTypes: [string, ...string[]]) =>
  z
    .strictObject({
      type: z.literal('base64', must('"base64": this server does not fetch URLs')).describe(sourceType),
      media_type: z.enum(mediaTypes, must(`one of ${mediaTypes.join(', ')}`)).describe(mediaType),
      data: base64.describe(data),
    })
    // A file that starts differently would later be dropped silently.
    .refine((source) => mediaTypeOf(source.data) === source.media_type, {
      path: ['data'],
      error: 'does not match media_type',
    })

const textSource = z.strictObject({
  type: z.literal('text').describe(sourceType),
  media_type: z.literal('text/plain', must('text/plain')).describe(mediaType),
  data: text.describe(data),
})

const blockType = 'The type of block.'
const source = 'The data itself: the server does not fetch URLs.'

const promptBlock = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text').describe(blockType), text: text.describe('The text.') }),
    z.strictObject({
      type: z.literal('image').describe(blockType),
      source: base64Source('image/png', 'image/jpeg', 'image/gif', 'image/webp').describe(source),
    }),
    z.strictObject({
      type: z.literal('document').describe(blockType),
      source: z
        .discriminatedUnion(
          'type',
          [base64Source('application/pdf'), textSource],
          must('"base64" or "text": this server does not fetch URLs'),
        )
        .describe(source),
      title: text.nullish().describe('The name of the document.'),
      context: text.nullish().describe('What the model should know about the document.'),
    }),
  ],
  must('a content block of type text, image or document'),
)

const prompt = z
  .union(
    [
      z.string().refine((value) => value.trim() !== '', { error: 'is required' }),
      z
        .array(promptBlock)
        .min(1, { error: 'is required' })
        .refine((blocks) => blocks.some((block) => block.type !== 'text' || block.text.trim() !== ''), {
          error: 'is required',
        }),
    ],
    must('a string, or an array of content blocks'),
  )
  .describe(
    'Text or content blocks, taken literally: nothing in it is a flag, a command or a file mention, unless `commands` is true.',
  )

/** `POST /v1/chat` and `POST /v1/chat/stream`. Null counts as absent. */
export const ChatRequest = strict(
  'ChatRequest',
  'One prompt and its options. A prompt without options works as with `claude -p`.',
  { prompt, ...optionSchemas() },
)
export type ChatRequest = z.output<typeof ChatRequest>
/** The body as a client sends it, before validation. */
export type ChatRequestInput = z.input<typeof ChatRequest>
