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

/** The JSON object that the text consists of or contains, such as one in a code fence; undefined if there is none. */
export function objectIn(text: string): unknown {
  const object = new JsonObjectExtractor().push(text)
  return object !== '' && isJsonObject(object) ? JSON.parse(object) : undefined
}
