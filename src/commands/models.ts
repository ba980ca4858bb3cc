// The command `models`: lists the model names that requests may use, from a running server. Not for which models exist (see
// compat/models.ts).
import { type ExitCode, print, printJson, runCommand } from './command.ts'
import { ServerClient, type ServerFlags } from './server-client.ts'
import { asTable, withHeading } from './table.ts'

type ModelList = { data: { id: string }[] }

const isModelList = ({ data }: Partial<ModelList>) =>
  Array.isArray(data) && data.every((model) => typeof model?.id === 'string')

export async function modelIds(client: ServerClient): Promise<string[]> {
  const { data } = await client.json<ModelList>('/v1/models', isModelList)
  return data.map(({ id }) => id)
}

export function listModels(flags: ServerFlags): Promise<ExitCode> {
  return runCommand('models', async () => {
    const client = await ServerClient.find(flags)
    const ids = await modelIds(client)
    if (flags.json === true) return printJson(ids.map((id) => ({ id, agent: isAgent(id) })))
    print(withHeading(asTable([['model', 'as Claude Code'], ...pairs(ids)])))
  })
}

const agentPrefix = 'agent/'
const isAgent = (id: string) => id.startsWith(agentPrefix)

/** Each model next to its agent; a name that the operator defined may be only one of the two. */
function pairs(ids: readonly string[]): string[][] {
  const known = new Set(ids)
  const plain = ids.filter((id) => !isAgent(id)).map((id) => [id, known.has(agentPrefix + id) ? agentPrefix + id : '-'])
  const agentsAlone = ids.filter((id) => isAgent(id) && !known.has(id.slice(agentPrefix.length)))
  return [...plain, ...agentsAlone.map((id) => ['-', id])]
}
