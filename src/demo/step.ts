// One reply of the scripted upstream, as prompts and tests describe it. Not for which step answers which request (see steps.ts).

export type ToolCall = { name: string; input?: Record<string, unknown> }

export type Usage = {
  input_tokens: number
  output_tokens: number
  cache_creation_input_tokens: number
  cache_read_input_tokens: number
}

/** One scripted reply. The names are those of the directive syntax, hence the underscores. */
export type Step = {
  /** The text of the reply, split into at most `tokens` deltas. Without it the text is "tok0 tok1 ...". */
  text?: string
  tokens?: number
  /** Milliseconds after each delta, before the response headers, and between message_start and the first delta. */
  gap?: number
  ttft?: number
  start_delay?: number
  /** Number of thinking deltas before the text. */
  thinking?: number
  /** A tool call: the exact name of an offered tool, or the end of one. `tools` makes several calls at once. */
  tool?: string
  input?: Record<string, unknown>
  tools?: ToolCall[]
  /** Make the call even if no such tool is offered. */
  force_tool?: boolean
  /** Continue to call the tool when the script is used up. */
  repeat?: boolean
  /** An HTTP error instead of a reply. */
  status?: number
  error_type?: string
  message?: string
  retry_after?: string | number
  headers?: Record<string, string>
  /** The failure applies only to this number of first tries of the prompt. */
  times?: number
  /** Silence before the headers, or after message_start. */
  hang?: 'headers' | 'body'
  /** After this number of deltas: destroy the socket, or end the body without message_stop. */
  cut?: number
  eof?: number
  /** An `error` event of this type after `after` deltas (0). */
  sse_error?: string
  after?: number
  /** A broken data line after `after` deltas (2), an HTML page, unknown event names, or JSON instead of a stream. */
  malformed?: 'json' | 'html' | 'event' | 'nonsse'
  /** A ping event before each group of this many deltas. */
  ping?: number
  stop_reason?: string
  stop_sequence?: string
  usage?: Partial<Usage>
  model?: string
  /** The exact response body. */
  raw?: string
}
