// Whether a figure is of what its row says: checked on what the CLI processes asked the scripted model.
//
// A conversation that is told to a process anew looks like one that the process has held all along, but for one thing: the
// model's thoughts, which clients do not give back. So the model is made to think once, at the beginning, and as long as
// that thought is in what a process asks, it is the process that was there.

import { type JsonRecord, stringAt } from './json.ts'
import { type Asked, type ScriptedModel, step } from './scripted-model.ts'
import { processCounts } from './sse-client.ts'
import type { Served } from './systems.ts'
import type { Contender } from './turns.ts'

/** To stand in the prompt that a conversation begins with. */
export const thinkOnce = step({ thinking: 1 })

/** Looks at what the model was asked because of one prompt of the bench, and throws where that is not as it should be. */
export interface Witness {
  /** Before the prompt is sent. */
  prepare?(): Promise<void>
  check(asked: readonly Asked[], prompt: string): void | Promise<void>
}

/** Lets a witness see each request of a contender, before and after the contender's clock runs. */
export function watched(contender: Contender, model: ScriptedModel, witness: Witness): Contender {
  const firstText = async (prompt: string) => {
    await witness.prepare?.()
    const { value, asked } = await model.listenDuring(() => contender.firstText(prompt))
    await witness.check(asked, prompt)
    return value
  }
  return { ...contender, firstText }
}

/**
 * Sees to it besides that nothing but the first request waits for the start of a process: what asks has asked before, or it
 * was ready already. A spare that is still starting when the answer ends was not started for it.
 */
export function warm(server: Served, witness: Witness): Witness {
  const known = new Set<string>()
  let ready = 0
  return {
    prepare: async () => {
      ready = await readyProcesses(server)
    },
    check: async (asked, prompt) => {
      await witness.check(asked, prompt)
      const isNew = known.size > 0 && asked.some(({ process }) => !known.has(process))
      for (const { process } of asked) known.add(process)
      if (isNew && (await readyProcesses(server)) > ready) throw new Error('a process was started for the request')
    },
  }
}

async function readyProcesses({ client }: Served): Promise<number> {
  const { live, starting } = processCounts((await client.health()) ?? {})
  return live - starting
}

/** An unrelated request: asked once, with its own system prompt if it brings one, and with nothing that was said before. */
export function unrelatedWith(systemFor: ((prompt: string) => string) | null): Witness {
  const check = (asked: readonly Asked[], prompt: string) => {
    const request = theOnly(asked)
    const system = systemFor?.(prompt) ?? null
    if (system !== null && !request.system.includes(system)) throw new Error('the model did not get the system prompt')
    checkPrompts(request, 1, prompt)
  }
  return { check }
}

/** Turns of one conversation, each of which must go to the process that took the first. */
export function oneLiveProcess(): Witness {
  let turns = 0
  let process = ''
  const check = (asked: readonly Asked[], prompt: string) => {
    const request = theOnly(asked)
    turns += 1
    if (turns === 1) process = request.process
    else checkSameProcess(request, process)
    checkPrompts(request, turns, prompt)
  }
  return { check }
}

/** A call of a client's tool and its result: asked once each, and the second time by the process that has made the call. */
export const oneToolTrip: Witness = {
  check: (asked, prompt) => {
    const [first, second] = asked
    if (!first || !second || asked.length > 2) throw new Error(`the model was asked ${asked.length} times, not twice`)
    checkPrompts(first, 1, prompt)
    checkSameProcess(second, first.process)
    const blocks = second.messages.flatMap((message) => message.blocks)
    const call = blocks.find(({ type }) => type === 'tool_use')
    const result = blocks.find(({ type }) => type === 'tool_result')
    if (!call || call.id !== result?.tool_use_id) throw new Error('the model did not get the result of its call')
  },
}

function theOnly(asked: readonly Asked[]): Asked {
  const [request] = asked
  if (!request || asked.length > 1) throw new Error(`the model was asked ${asked.length} times, not once`)
  return request
}

function checkSameProcess(request: Asked, process: string): void {
  if (process === '' || request.process !== process) throw new Error('another process took the turn')
  const isThought = ({ type }: JsonRecord) => type === 'thinking'
  if (!request.messages.some(({ blocks }) => blocks.some(isThought))) {
    throw new Error('the process did not hold the conversation: it was told it anew')
  }
}

/** A prompt may go on after the bench's words with what scripts its answer. */
function checkPrompts({ messages }: Asked, count: number, last: string): void {
  const prompts = messages.filter(({ role }) => role === 'user')
  if (prompts.length !== count) throw new Error(`the model was told ${prompts.length} prompts, not ${count}`)
  const isLast = prompts.at(-1)?.blocks.some((block) => stringAt(block, 'text').startsWith(last))
  if (!isLast) throw new Error('the model was asked something else')
}
