// Texts that should be JSON.
import { JsonObjectExtractor } from './json-object-extractor.ts'

/** Whether the text is a JSON object. No text at all stands for an empty one, as in the calls of a model. */
export function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text || '{}')
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

/** How many braces of a text are tried: a text is the model's, and may be full of braces. */
const startsMax = 100

/** The JSON objects that the text consists of or contains, such as one in a code fence, in their order; nested ones follow. */
export function* objectsIn(text: string): Generator<unknown> {
  let from = text.indexOf('{')
  for (let starts = 0; from !== -1 && starts < startsMax; starts++) {
    const object = new JsonObjectExtractor().push(text.slice(from))
    if (isJsonObject(object)) yield JSON.parse(object)
    from = text.indexOf('{', from + 1)
  }
}
