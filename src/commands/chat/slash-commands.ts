// What starts with a slash in a conversation of `claude-serve chat`: it concerns the conversation and is not sent to Claude. Not for the
// CLI's own commands.
import { resolve } from 'node:path'
import { nearestName } from '../../platform/did-you-mean.ts'
import { CommandError, print } from '../command.ts'
import { modelIds } from '../models.ts'
import { terminalColumns } from '../output.ts'
import type { ServerClient } from '../server-client.ts'
import { sessionsAsRows } from '../sessions/lines.ts'
import { asTable, withHeading } from '../table.ts'
import { oneLine } from '../terminal-text.ts'
import { type ChatFlags, isSessionId, listSessions, newSessionFolder } from './request.ts'

/** What a command may change. */
type Changeable = { session: string | null; model: string | null; leave(): void }

type Scene = { conversation: Changeable; client: ServerClient; flags: ChatFlags }
type SlashCommand = { name: string; argument: string }

const commands: Record<
  string,
  { usage: string; description: string; run(scene: Scene, argument: string): void | Promise<void> }
> = {
  model: { usage: '/model [name]', description: 'show the models, or use another one from now on', run: changeModel },
  new: { usage: '/new', description: 'start a new conversation', run: startNew },
  resume: {
    usage: '/resume [id]',
    description: 'list the conversations of the folder, or continue one of them',
    run: resume,
  },
  help: { usage: '/help', description: 'show this list', run: help },
  exit: { usage: '/exit', description: 'leave; so does Ctrl-D', run: ({ conversation }) => conversation.leave() },
}

/** Names that other programs use. */
const synonyms: Record<string, string> = { quit: 'exit', clear: 'new' }

/** Null for a prompt. A path, as in `/etc/hosts is empty`, is none. */
export function parseSlashCommand(text: string): SlashCommand | null {
  const [, name, argument = ''] = /^\s*\/([a-z-]+)(?:\s+(.*))?\s*$/.exec(text) ?? []
  return name === undefined ? null : { name: synonyms[name] ?? name, argument: argument.trim() }
}

/** Throws CommandError if there is no such command. */
export async function runSlashCommand({ name, argument }: SlashCommand, scene: Scene): Promise<void> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command !== undefined) return command.run(scene, argument)
  const nearest = nearestName(name, Object.keys(commands))
  const hint = nearest === null ? '/help lists the commands' : `did you mean /${nearest}?`
  throw new CommandError(`there is no command /${name}: ${hint}`)
}

function help(): void {
  const rows = Object.values(commands).map(({ usage, description }) => [usage, description])
  print([...asTable(rows), '', 'A line that ends with \\ continues on the next one.'].join('\n'))
}

async function changeModel({ conversation, client }: Scene, name: string): Promise<void> {
  // An agent answers here, with or without the prefix.
  const names = [...new Set((await modelIds(client)).map((id) => id.replace(/^agent\//, '')))]
  const wanted = name.replace(/^agent\//, '')
  if (wanted === '') {
    const current = conversation.model?.replace(/^agent\//, '')
    return print(names.map((each) => `${each === current ? '* ' : '  '}${oneLine(each)}`).join('\n'))
  }
  if (!names.includes(wanted)) {
    const nearest = nearestName(wanted, names)
    throw new CommandError(
      `there is no model ${JSON.stringify(wanted)}: ${nearest === null ? '/model lists them' : `did you mean ${nearest}?`}`,
    )
  }
  conversation.model = wanted
  print(`the model is ${wanted} from now on`)
}

function startNew({ conversation }: Scene): void {
  conversation.session = null
  print('the next prompt starts a new conversation')
}

async function resume({ conversation, client, flags }: Scene, id: string): Promise<void> {
  if (id === '') return listHere(client, flags)
  if (!isSessionId(id)) throw new CommandError(`${JSON.stringify(id)} is not the id of a session: /resume lists them`)
  const { title } = await client.json<{ title: string; session_id: string }>(
    `/v1/sessions/${id}`,
    (body) => typeof body.session_id === 'string',
  )
  conversation.session = id
  print(`continuing: ${oneLine(title)}`)
}

async function listHere(client: ServerClient, flags: ChatFlags): Promise<void> {
  const folder = newSessionFolder(client, flags)
  const sessions = await listSessions(client, { limit: '20', ...(folder === null ? {} : { cwd: resolve(folder) }) })
  if (sessions.length === 0)
    return print(folder === null ? 'there are no sessions' : `there are no sessions in ${folder}`)
  print(withHeading(asTable(sessionsAsRows(sessions, Date.now()), terminalColumns())))
  print('continue one with /resume <id>')
}
