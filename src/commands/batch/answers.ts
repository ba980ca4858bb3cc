// A line of the output: how one line of the input ended. Its shape, and reading it back. Not for the file (see output.ts).
import { isObject } from './input.ts'

export type AnswerError = { code: string; message: string; status: number | null }

export type Answer = {
  /** Null for a line of the input that cannot be sent. */
  id: string | null
  line: number
  status: 'succeeded' | 'failed'
  run_id: string | null
  /** What `POST /v1/chat` answers; null where it failed. */
  response: Record<string, unknown> | null
  error: AnswerError | null
  duration_ms: number
  /** Names the request, so that a change of it is noticed. */
  request_hash: string
  /** How often it was begun before, after something that was not its fault. */
  attempt: number
}

/** What is remembered of an answer. `row` is its line in the output. */
export type Known = Pick<Answer, 'status' | 'attempt'> & { hash: string; row: number }

/** What an answer is found by: its id, or its line where it has none. */
export const keyOf = ({ id, line }: Pick<Answer, 'id' | 'line'>): string => (id === null ? `line ${line}` : `id ${id}`)

/** Null for what is no line of an output. */
export function readAnswer(text: string): Answer | null {
  const value = parse(text)
  if (!isObject(value)) return null
  const { id, line, status, request_hash: hash, attempt } = value
  const isOurs =
    (id === null || typeof id === 'string') &&
    Number.isSafeInteger(line) &&
    (status === 'succeeded' || status === 'failed') &&
    typeof hash === 'string' &&
    Number.isSafeInteger(attempt)
  return isOurs ? (value as Answer) : null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** What every line of an output begins with. */
const beginning = '{"id":'

/** Whether a line that was cut off may be one of an output. */
export const mayBeAnswer = (text: string): boolean => text.startsWith(beginning) || beginning.startsWith(text)
