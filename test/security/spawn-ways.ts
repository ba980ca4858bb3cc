// The ways for a prompt to come in, from the plain models of the compatible surfaces to an agent with all its tools, and what the
// model's API received. For tests of what a text can do: nothing.
import assert from 'node:assert/strict'
import type { MessagesBody } from '../../src/demo/upstream.ts'
import type { Answer, Scene } from './harness.ts'

export type Message = { role: 'user' | 'assistant'; content: string | Block[] }
export type Block = { type: 'text'; text: string }

/** `history` is for the compatible surfaces only; the native API stores conversations itself. */
export type PromptInput = { prompt: string | Block[]; system?: string; history?: Message[] }

export type Way = {
  name: string
  /** `isFirst`: starts a new conversation, if the way has one that continues from prompt to prompt. */
  ask(input: PromptInput, isFirst?: boolean): Promise<Answer>
}

function openai(scene: Scene): Way {
  const ask = ({ prompt, system, history = [] }: PromptInput) =>
    scene.ask({
      path: '/v1/chat/completions',
      body: {
        model: 'sonnet',
        messages: [
          ...(system === undefined ? [] : [{ role: 'system', content: system }]),
          ...history,
          { role: 'user', content: prompt },
        ],
      },
    })
  return { name: 'openai', ask }
}

function responses(scene: Scene): Way {
  const ask = ({ prompt, system, history = [] }: PromptInput) =>
    scene.ask({
      path: '/v1/responses',
      body: {
        model: 'sonnet',
        ...(system === undefined ? {} : { instructions: system }),
        input: [...history, { role: 'user', content: prompt }],
      },
    })
  return { name: 'responses', ask }
}

function anthropic(scene: Scene): Way {
  const ask = ({ prompt, system, history = [] }: PromptInput) =>
    scene.ask({
      path: '/v1/messages',
      body: {
        model: 'sonnet',
        max_tokens: 500,
        ...(system === undefined ? {} : { system }),
        messages: [...history, { role: 'user', content: prompt }],
      },
    })
  return { name: 'anthropic', ask }
}

/** Its messages have no blocks: each is a message of its own, which becomes a block again. */
function ollama(scene: Scene): Way {
  const toMessages = ({ role, content }: Message) =>
    typeof content === 'string' ? [{ role, content }] : content.map(({ text }) => ({ role, content: text }))
  const ask = ({ prompt, system, history = [] }: PromptInput) =>
    scene.ask({
      path: '/api/chat',
      body: {
        model: 'sonnet',
        stream: false,
        messages: [
          ...(system === undefined ? [] : [{ role: 'system', content: system }]),
          ...[...history, { role: 'user', content: prompt } satisfies Message].flatMap(toMessages),
        ],
      },
    })
  return { name: 'ollama', ask }
}

function toolless(scene: Scene): Way {
  const ask = ({ prompt, system }: PromptInput) =>
    scene.ask({ body: { prompt, tools: [], ...(system === undefined ? {} : { system_prompt: system }) } })
  return { name: 'native without tools', ask }
}

/** Its prompts follow one another in one conversation, as starting a process for each would take long. `session` is one to continue. */
function agent(scene: Scene, session: unknown): Way {
  const ask = async ({ prompt, system }: PromptInput, isFirst = system !== undefined) => {
    const continues = !isFirst && session !== undefined
    const answer = await scene.ask({
      body: {
        prompt,
        ...(continues ? { session_id: session } : {}),
        ...(system === undefined ? {} : { append_system_prompt: system }),
      },
    })
    if (system === undefined) session = answer.json.session_id
    return answer
  }
  return { name: 'native', ask }
}

/** All surfaces lead to the same processes: each text comes in by the next one. */
function plain(scene: Scene): Way {
  const surfaces = [openai(scene), anthropic(scene), responses(scene), ollama(scene)]
  let count = 0
  return { name: 'plain', ask: (each) => (surfaces[count++ % surfaces.length] as Way).ask(each) }
}

export type Ways = { plain: Way; toolless: Way; agent: Way }

export const waysInto = (scene: Scene, session?: string): Ways => ({
  plain: plain(scene),
  toolless: toolless(scene),
  agent: agent(scene, session),
})

/** The body of the one request to the model that the call has caused. */
export async function sentBy(scene: Scene, asking: Promise<Answer>): Promise<MessagesBody> {
  const before = scene.upstream.requests.length
  const { status, text } = await asking
  assert.equal(status, 200, text)
  assert.match(text, /tok0 /, 'the answer does not come from the model')
  assert.equal(scene.upstream.requests.length, before + 1, 'not one request')
  const body = scene.upstream.requests.at(-1)?.body
  assert.ok(body)
  return body
}

/** The texts of the user's last message, without what the CLI adds to it. */
export function lastUserTexts({ messages }: MessagesBody): string[] {
  const content = messages.findLast(({ role }) => role === 'user')?.content ?? []
  const texts = typeof content === 'string' ? [content] : content.map(({ text }) => text ?? '')
  return texts.filter((text) => !text.startsWith('<system-reminder>'))
}

/** Every string anywhere in the value. */
export function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(stringsIn)
}
