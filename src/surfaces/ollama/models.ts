// Builds Ollama's descriptions of models from the names that requests may use. The models are not on this machine, so
// most of what Ollama reports about a file has no value here.
import { createHash } from 'node:crypto'
import { latestTag, type NamedModel, type ResolvedModel } from '../../compat/models.ts'
import type { Details, ListedModel, ModelList, ShownModel } from './reply-schemas.ts'

/** Unknown; a fixed time keeps the list the same from call to call. */
const unknownTime = '1970-01-01T00:00:00Z'

const family = 'claude'

const details: Details = {
  parent_model: '',
  format: '',
  family,
  families: [family],
  parameter_size: '',
  quantization_level: '',
}

/** A name as Ollama writes it: always with a tag. */
const withTag = (name: string): string => (/:[^/]*$/.test(name) ? name : `${name}${latestTag}`)

function toListed({ id }: NamedModel): ListedModel {
  const name = withTag(id)
  const digest = createHash('sha256').update(name).digest('hex')
  return { name, model: name, modified_at: unknownTime, size: 0, digest, details }
}

export const toModelList = (models: readonly NamedModel[]): ModelList => ({ models: models.map(toListed) })

/** How many tokens a conversation may have. A name with a longer context says how long. */
function contextLength(name: string): number {
  const [, count, unit] = /\[(\d{1,3})([km])\]$/i.exec(name) ?? []
  if (count === undefined || unit === undefined) return 200_000
  return Number(count) * (unit.toLowerCase() === 'm' ? 1_000_000 : 1000)
}

/** An agent has tools of its own, and none of the client's. */
export function toShownModel({ publicName, agent }: ResolvedModel, displayName: string): ShownModel {
  return {
    license: "Anthropic's terms apply, and those of the account that Claude Code is logged in with.",
    modelfile: `# Served by claude-serve, which needs no Modelfile.\nFROM ${publicName}\n`,
    parameters: '',
    // Some programs look here, and not at the capabilities, for what they may send.
    template: agent ? '{{ .System }}{{ .Prompt }}' : '{{ .System }}{{ .Tools }}{{ .Prompt }}',
    system: '',
    details,
    model_info: {
      'general.architecture': family,
      'general.basename': displayName,
      [`${family}.context_length`]: contextLength(publicName),
    },
    capabilities: agent ? ['completion', 'vision', 'thinking'] : ['completion', 'tools', 'vision', 'thinking'],
    modified_at: unknownTime,
  }
}
