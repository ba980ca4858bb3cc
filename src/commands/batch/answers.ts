// The format of one output line, which holds the outcome of one input line, and how to parse it. The file itself: output.ts.
import { isObject, parseJson } from '../../platform/json.ts'

export type AnswerError = { code: string; message: string; status: number | null }

export type Answer = {
  /** Null for an input line that cannot be sent. */
  id: string | null
  line: number
  status: 'succeeded' | 'failed'
  run_id: string | null
  /** The response of `POST /v1/chat`; null if the line failed. */
  response: Record<string, unknown> | null
  error: AnswerError | null
  duration_ms: number
  /** Identifies the request, so that a change to it is detected. */
  request_hash: string
  /** How many attempts at this request preceded this one. */
  attempt: number
}

/** What is kept in memory of an answer. `row` is its line number in the output. */
export type KnownAnswer = Pick<Answer, 'status' | 'attempt'> & { hash: string; row: number }

/** The key of an answer: its id, or its line number if it has no id. */
export const keyOf = ({ id, line }: Pick<Answer, 'id' | 'line'>): string => (id === null ? `line ${line}` : `id ${id}`)

/** Null if the text is not a line of an output. */
export function readAnswer(text: string): Answer | null {
  const value = parseJson(text)
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

/** How every output line starts. */
const linePrefix = '{"id":'

/** Whether a truncated line may be part of an output. */
export const mayBeAnswer = (text: string): boolean => text.startsWith(linePrefix) || linePrefix.startsWith(text)
