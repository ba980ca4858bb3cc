// What a conversation's file says about the conversation as a whole: the model of its last answer, what its answers have used, and how
// often the CLI compacted it. The file has no costs, so they are estimated (prices.ts). Not for its messages (session-messages.ts).
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type AnswerSums, noAnswers, type SessionContent } from '../../core/sessions.ts'
import { fieldsOf } from '../../platform/json.ts'
import { isCompaction } from './compactions.ts'
import { estimateCost } from './prices.ts'
import { type TranscriptEntry, toEntries } from './transcript.ts'

/** The model's name in messages that the CLI itself wrote. */
const synthetic = '<synthetic>'

/** Reading for the last answer starts with this much of the end of a file. */
const tailBytes = 64 * 1024

type Answer = { id: string; model: string; usage: Record<string, unknown>; isSidechain: boolean; isOfSdk: boolean }

const isAnswer = (line: Buffer) => line.includes('"assistant"')
const isFact = (line: Buffer) => isAnswer(line) || line.includes('"compact_boundary"')

/** The answer that an entry is a line of; null if it is none, or the CLI wrote it itself. */
function toAnswer({ type, message, uuid, isSidechain, entrypoint }: TranscriptEntry): Answer | null {
  const { id, model, usage } = fieldsOf(message)
  if (type !== 'assistant' || typeof model !== 'string' || model === synthetic) return null
  return {
    id: String(id ?? uuid),
    model,
    usage: fieldsOf(usage),
    isSidechain: isSidechain === true,
    // Entries of older versions do not say which program made them.
    isOfSdk: typeof entrypoint !== 'string' || entrypoint === 'sdk-ts',
  }
}

/** The model of the last answer in the file, of which only as much as necessary is read. */
export async function readLastModel(file: string): Promise<string | null> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    for (let length = Math.min(tailBytes, size); ; length = Math.min(length * 8, size)) {
      const { buffer } = await handle.read({ buffer: Buffer.alloc(length), position: size - length })
      let model: string | null = null
      for (const entry of toEntries(buffer, isAnswer)) {
        const answer = toAnswer(entry)
        if (answer !== null && !answer.isSidechain) model = answer.model
      }
      if (model !== null || length === size) return model
    }
  } finally {
    await handle.close()
  }
}

export async function readContent(file: string): Promise<SessionContent> {
  // The CLI repeats the usage of an answer on each of its lines; only the last line is sure to have all of it.
  const answers = new Map<string, Answer>()
  let model: string | null = null
  let compactions = 0
  for (const entry of toEntries(await readFile(file), isFact)) {
    if (isCompaction(entry)) compactions++
    const answer = toAnswer(entry)
    if (answer === null) continue
    if (!answer.isSidechain) model = answer.model
    // The answers of a copied conversation were paid for in the original.
    if (entry.forkedFrom === undefined) answers.set(answer.id, answer)
  }
  for (const agentFile of await filesOfAgents(file)) {
    for (const entry of toEntries(await readFile(agentFile), isAnswer)) {
      const answer = toAnswer(entry)
      if (answer !== null && entry.forkedFrom === undefined) answers.set(answer.id, answer)
    }
  }
  const all = [...answers.values()]
  return { model, compactions, all: sum(all), terminal: sum(all.filter(({ isOfSdk }) => !isOfSdk)) }
}

/** Conversations with sub-agents have files of their own. */
async function filesOfAgents(file: string): Promise<string[]> {
  const folder = join(file.replace(/\.jsonl$/, ''), 'subagents')
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => name.endsWith('.jsonl')).map((name) => join(folder, name))
}

function sum(answers: readonly Answer[]): AnswerSums | null {
  if (answers.length === 0) return null
  return answers.reduce((sums, { model, usage }) => {
    const count = (name: string) => (typeof usage[name] === 'number' ? usage[name] : 0)
    const costUsd = estimateCost(model, usage)
    return {
      inputTokens: sums.inputTokens + count('input_tokens'),
      outputTokens: sums.outputTokens + count('output_tokens'),
      cacheReadInputTokens: sums.cacheReadInputTokens + count('cache_read_input_tokens'),
      cacheCreationInputTokens: sums.cacheCreationInputTokens + count('cache_creation_input_tokens'),
      costUsd: sums.costUsd === null || costUsd === null ? null : sums.costUsd + costUsd,
    }
  }, noAnswers)
}
