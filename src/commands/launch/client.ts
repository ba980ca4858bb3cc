// What `launch` knows of one client. Not for any one of them (see clients.ts).
import type { Part, Target } from './instructions.ts'

/** A program, the words after its name, and what it finds in its environment and what not, beside what the terminal has. */
export type Start = {
  program: string
  words: string[]
  environment: Record<string, string>
  without: string[]
  install: string
}

export type Client = {
  parts: (place: Target) => Part[]
  start?: (place: Target) => Start
}
