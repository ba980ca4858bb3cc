// Tools of clients that are named like tools of the CLI. The CLI leaves one out that is named `ToolSearch`, takes one named
// `StructuredOutput` for its own if the answer follows a schema, and rewrites the input of earlier calls of `ExitPlanMode` (seen in
// requests of 2.1.332). Towards the CLI such a name gets an underscore, which its calls lose again; so does a name that already ends in
// underscores, so that no two names meet.
import { type Agent, type RunRequest, withRun } from '../core/agent.ts'
import type { AssistantBlock, ConversationMessage } from '../core/conversation.ts'
import type { RunEvent } from '../core/events.ts'

const reserved = /^(?:ExitPlanMode|StructuredOutput|ToolSearch)_*$/

/** The name by which the model knows a client's tool. */
export const nameForModel = (name: string): string => (reserved.test(name) ? `${name}_` : name)

const nameForClient = (name: string): string => (reserved.test(name) && name.endsWith('_') ? name.slice(0, -1) : name)

/** Renames the tools of plain models, and their calls. An agent's tools are the CLI's own. */
export const withReservedToolNames = (agent: Agent): Agent =>
  withRun(agent, (request, signal) =>
    request.plain === null ? agent.run(request, signal) : restoreNames(agent.run(renameTools(request), signal)),
  )

async function* restoreNames(events: AsyncIterable<RunEvent>): AsyncGenerator<RunEvent> {
  for await (const event of events) {
    yield event.type === 'tool-start' ? { ...event, name: nameForClient(event.name) } : event
  }
}

function renameTools(request: RunRequest): RunRequest {
  const { plain, session } = request
  return {
    ...request,
    plain: plain && { ...plain, tools: plain.tools.map((tool) => ({ ...tool, name: nameForModel(tool.name) })) },
    session:
      session.kind === 'history' && session.messages.some(hasReserved)
        ? { ...session, messages: session.messages.map(renameCalls) }
        : session,
  }
}

const isReserved = (block: AssistantBlock) => block.type === 'tool_use' && reserved.test(block.name)

const hasReserved = (message: ConversationMessage) => message.role === 'assistant' && message.content.some(isReserved)

function renameCalls(message: ConversationMessage): ConversationMessage {
  if (message.role !== 'assistant' || !hasReserved(message)) return message
  const content = message.content.map((block) =>
    block.type === 'tool_use' ? { ...block, name: nameForModel(block.name) } : block,
  )
  return { ...message, content }
}
