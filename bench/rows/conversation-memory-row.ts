// The memory that an idle conversation costs as long as a process holds it, next to a bare CLI process that holds it.

import { setTimeout as sleep } from 'node:timers/promises'
import { proportionalMb } from '../process-figures.ts'
import type { Row } from '../result.ts'
import { step } from '../scripted-model.ts'
import { summarize } from '../stats.ts'
import { quiet, type Systems } from '../systems.ts'
import { Conversation, systemOf, user } from './conversation.ts'

const CONVERSATIONS = 8
const IDLE_MS = 2_000
/** So long that no process is free again before the last conversation has one. */
const slowAnswer = step({ ttft: 12_000, tokens: 20 })

export interface ConversationMemoryPlan {
  progress: (text: string) => void
}

/** All memory of the server and its processes, in equal parts for each conversation. */
export async function conversationMemoryRows(systems: Systems, plan: ConversationMemoryPlan): Promise<Row[]> {
  const ours = await measureOurs(systems, plan)
  const bare = await measureBare(systems, plan)
  if (ours === null || bare === null) return []
  const what = `memory for each of ${CONVERSATIONS} idle conversations, server and CLI (${ours.processes} processes)`
  const figures = { ours: summarize([ours.mb / CONVERSATIONS]), bare: summarize([bare / CONVERSATIONS]) }
  return [{ id: 'conversation-memory', what, unit: 'MB', figures, checks: [], isCompared: true }]
}

async function measureOurs(systems: Systems, { progress }: ConversationMemoryPlan) {
  progress(`${CONVERSATIONS} conversations`)
  const server = await systems.startOurs(systems.startCommand)
  const conversations = Array.from({ length: CONVERSATIONS }, (_, index) => {
    return new Conversation([systemOf(`Conversation ${index}`)])
  })
  await Promise.all(conversations.map((each, index) => each.send(server, user(`Conversation ${index}: ${slowAnswer}`))))
  const { requests } = await systems.model.listenDuring(async () => {
    for (const conversation of conversations) await conversation.send(server, user('And then?'))
  })
  const processes = new Set(requests.map(({ process }) => process)).size
  await quiet([server])
  await sleep(IDLE_MS)
  const mb = await proportionalMb([server.pid])
  await server.stop()
  return mb === null ? null : { mb, processes }
}

async function measureBare(systems: Systems, { progress }: ConversationMemoryPlan): Promise<number | null> {
  progress(`${CONVERSATIONS} bare processes`)
  const processes = []
  for (let index = 0; index < CONVERSATIONS; index += 1) {
    const bare = await systems.startBare(true)
    processes.push(bare)
    for (const prompt of [`Conversation ${index}: what comes next?`, 'And then?']) await bare.turn(prompt)
  }
  await sleep(IDLE_MS)
  const mb = await proportionalMb(processes.map(({ pid }) => pid))
  for (const bare of processes) await bare.stop()
  return mb
}
