// JSON that may be anything: a line of a file, an argument, the body of a response, what a model wrote.
import { JsonObjectExtractor } from './json-object-extractor.ts'

type JsonObject = Record<string, unknown>

/** Null for a text that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields of an object; none for anything else. */
export const fieldsOf = (value: unknown): JsonObject => (isObject(value) ? value : {})

/** Whether the text is JSON with an integer that a number of this language does not hold exactly. */
export function losesDigits(text: string): boolean {
  if (!/\d{16}/.test(text)) return false
  let loses = false
  try {
    JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
      const source = context?.source
      if (typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source))
        loses ||= BigInt(source) !== BigInt(value)
    })
  } catch {
    return false
  }
  return loses
}

/** The input of a model's call; null if it is not a JSON object. No text at all stands for an empty one. */
export function parseInput(text: string): JsonObject | null {
  const value = parseJson(text || '{}')
  return isObject(value) ? value : null
}

/** How many braces of a text are tried: a text is the model's, and may be full of braces. */
const startsMax = 100

/** The JSON objects that the text consists of or contains, such as one in a code fence, in their order; nested ones follow. */
export function* objectsIn(text: string): Generator<JsonObject> {
  let from = text.indexOf('{')
  for (let starts = 0; from !== -1 && starts < startsMax; starts++) {
    const value = parseJson(new JsonObjectExtractor().push(text.slice(from)))
    if (isObject(value)) yield value
    from = text.indexOf('{', from + 1)
  }
}
