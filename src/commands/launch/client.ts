// What `launch` knows about a client. The clients themselves are in clients.ts.
import type { Part, Target } from './instructions.ts'

/** A program and its arguments. `environment` is added to the variables of the terminal, and `without` is removed from them. */
export type Start = {
  program: string
  args: string[]
  environment: Record<string, string>
  without: string[]
  install: string
}

export type Client = {
  parts: (target: Target) => Part[]
  start?: (target: Target) => Start
}
