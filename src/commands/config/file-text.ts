// The configuration file that `claude-serve config init` creates: every setting with what it does, commented out. It is JSON with comments.
// Pure.
import { type ConfigOption, configOptions } from '../../config/options.ts'

const heading = `// Settings of claude-serve. Each is shown with its default: remove the // before one and change its value. null stands for a
// default that depends on the machine. Flags and environment variables win over this file.
// claude-serve config check checks it; the server reads it when it starts.`

export function fileText(): string {
  const options = Object.values<ConfigOption>(configOptions).filter(({ available }) => available)
  const groups = [...new Set(options.map(({ group }) => group))]
  const parts = groups.map((group) => {
    const settings = options.filter((option) => option.group === group).map(settingText)
    return `  // ${group}\n\n${settings.join('\n\n')}`
  })
  return `${heading}\n{\n${parts.join('\n\n')}\n}\n`
}

function settingText({ name, description, accepted, default: value, defaultText }: ConfigOption): string {
  const lines = [
    sentence(description),
    sentence(accepted),
    ...(defaultText === null ? [] : [`Default: ${defaultText}.`]),
  ]
  const shown = typeof value === 'function' ? null : value
  return [...lines.map((line) => `  // ${line}`), `  // ${JSON.stringify(name)}: ${JSON.stringify(shown)},`].join('\n')
}

const sentence = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
