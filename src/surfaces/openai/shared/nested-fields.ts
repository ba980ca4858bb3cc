// What the objects inside a request of either API of OpenAI may have.
import { isReducedImage } from '../../../compat/media-blocks.ts'
import { type FieldTable, isEmpty, isFalse, known } from '../../../compat/request-fields.ts'
import { losesDigits } from '../../../platform/json.ts'

const isAuto = (value: unknown) => value === 'auto'

const isUnchangedImage = (value: unknown) =>
  typeof value !== 'string' || !isReducedImage(value.slice(value.indexOf(',') + 1))

const detail: FieldTable = { detail: { treatment: 'ignored', requestsNothing: isAuto } }
const picture = { treatment: 'ignored', requestsNothing: isUnchangedImage } as const

/** The CLI makes large pictures of messages smaller; those in the results of calls stay as they are. */
export const partFields: FieldTable = {
  ...known('type', 'text', 'refusal', 'image_url', 'file', 'file_data', 'filename', 'file_id', 'cache_control'),
  ...detail,
  annotations: { treatment: 'ignored', requestsNothing: isEmpty },
  logprobs: { treatment: 'ignored', requestsNothing: isEmpty },
}
export const messagePartFields: FieldTable = { ...partFields, image_url: picture }
export const imageFields: FieldTable = { ...known('url'), ...detail }
export const messageImageFields: FieldTable = { ...imageFields, url: picture }

/** JSON in a string, whose integers may have more digits than a number keeps. */
export const argumentsField: FieldTable = {
  arguments: { treatment: 'ignored', requestsNothing: (value) => typeof value !== 'string' || !losesDigits(value) },
}

export const definitionFields: FieldTable = {
  ...known('type', 'name', 'description', 'parameters', 'format', 'cache_control'),
  strict: { treatment: 'ignored', requestsNothing: isFalse },
  defer_loading: { treatment: 'ignored', requestsNothing: isFalse },
}
