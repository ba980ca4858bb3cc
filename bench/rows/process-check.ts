// Checks that a figure measures what its row claims, by looking at the requests of the CLI processes to the scripted model.
//
// A conversation that is replayed to a process looks like one that the process has had all along, except for the model's thinking, which
// clients do not send back. So the model is made to think once, at the beginning, and as long as that thinking is in the requests of a
// process, it is the same process.

import { type JsonRecord, stringAt } from '../json.ts'
import { type ModelRequest, type ScriptedModel, step } from '../scripted-model.ts'
import { processCounts } from '../sse-client.ts'
import type { Served } from '../systems.ts'
import type { Contender } from './turns.ts'

/** Belongs in the first prompt of a conversation. */
export const thinkOnce = step({ thinking: 1 })

/** Checks the requests to the model that one prompt of the bench has caused, and throws if they are not as expected. */
export interface ProcessCheck {
  /** Runs before the prompt is sent. */
  prepare?(): Promise<void>
  check(requests: readonly ModelRequest[], prompt: string): void | Promise<void>
}

/** Applies a check to each request of a contender, outside the time that the contender measures. */
export function checked(contender: Contender, model: ScriptedModel, inner: ProcessCheck): Contender {
  const firstText = async (prompt: string) => {
    await inner.prepare?.()
    const { value, requests } = await model.listenDuring(() => contender.firstText(prompt))
    await inner.check(requests, prompt)
    return value
  }
  return { ...contender, firstText }
}

/**
 * Also checks that no request but the first waits for the start of a process: the process that serves it was used before or was ready
 * already. A spare that is still starting when the answer ends was not started for this request.
 */
export function warm(server: Served, inner: ProcessCheck): ProcessCheck {
  const known = new Set<string>()
  let ready = 0
  return {
    prepare: async () => {
      ready = await readyProcesses(server)
    },
    check: async (requests, prompt) => {
      await inner.check(requests, prompt)
      const isNew = known.size > 0 && requests.some(({ process }) => !known.has(process))
      for (const { process } of requests) known.add(process)
      if (isNew && (await readyProcesses(server)) > ready) throw new Error('a process was started for the request')
    },
  }
}

async function readyProcesses({ client }: Served): Promise<number> {
  const { live, starting } = processCounts((await client.health()) ?? {})
  return live - starting
}

/** An unrelated request: the model gets it once, with its own system prompt if it has one, and without any earlier messages. */
export function unrelatedWith(systemFor: ((prompt: string) => string) | null): ProcessCheck {
  const check = (requests: readonly ModelRequest[], prompt: string) => {
    const request = theOnly(requests)
    const system = systemFor?.(prompt) ?? null
    if (system !== null && !request.system.includes(system)) throw new Error('the model did not get the system prompt')
    checkPrompts(request, 1, prompt)
  }
  return { check }
}

/** Turns of one conversation, each of which must go to the process that served the first. */
export function oneLiveProcess(): ProcessCheck {
  let turns = 0
  let process = ''
  const check = (requests: readonly ModelRequest[], prompt: string) => {
    const request = theOnly(requests)
    turns += 1
    if (turns === 1) process = request.process
    else checkSameProcess(request, process)
    checkPrompts(request, turns, prompt)
  }
  return { check }
}

/** A request of a conversation: the model gets it once, with all of its prompts. */
export function checkConversation(requests: readonly ModelRequest[], prompts: number, last: string): void {
  checkPrompts(theOnly(requests), prompts, last)
}

/** A call of a client's tool and its result: one request each, the second from the process that made the call. */
export const oneToolRoundTrip: ProcessCheck = {
  check: (requests, prompt) => {
    const [first, second] = requests
    if (!first || !second || requests.length > 2) throw new Error(`the model got ${requests.length} requests, not two`)
    checkPrompts(first, 1, prompt)
    checkSameProcess(second, first.process)
    const blocks = second.messages.flatMap((message) => message.blocks)
    const call = blocks.find(({ type }) => type === 'tool_use')
    const result = blocks.find(({ type }) => type === 'tool_result')
    if (!call || call.id !== result?.tool_use_id) throw new Error('the model did not get the result of its call')
  },
}

function theOnly(requests: readonly ModelRequest[]): ModelRequest {
  const [request] = requests
  if (!request || requests.length > 1) throw new Error(`the model got ${requests.length} requests, not one`)
  return request
}

function checkSameProcess(request: ModelRequest, process: string): void {
  if (process === '' || request.process !== process) throw new Error('another process took the turn')
  const isThought = ({ type }: JsonRecord) => type === 'thinking'
  if (!request.messages.some(({ blocks }) => blocks.some(isThought))) {
    throw new Error('the process did not hold the conversation: it was replayed')
  }
}

/** The bench's words may be followed by a directive that scripts the answer. */
function checkPrompts({ messages }: ModelRequest, count: number, last: string): void {
  const prompts = messages.filter(({ role }) => role === 'user')
  if (prompts.length !== count) throw new Error(`the model got ${prompts.length} prompts, not ${count}`)
  const isLast = prompts.at(-1)?.blocks.some((block) => stringAt(block, 'text').startsWith(last))
  if (!isLast) throw new Error('the model got another prompt')
}
