// The generated parts of docs/clients: what `launch` prints for each client if the server has default settings. Not for the pages of
// libraries: there, `launch` prints what the page shows (src/commands/launch/sdks.ts).
import { clients } from '../src/commands/launch/clients.ts'
import { type Block, type Target, toBlock } from '../src/commands/launch/instructions.ts'
import { sdks } from '../src/commands/launch/sdks.ts'
import type { Part } from './document-part.ts'

/** As on Linux, whatever platform this runs on. */
export const shownTarget: Target = {
  call: 'claude-serve',
  url: 'http://127.0.0.1:5005',
  hasKeys: false,
  model: 'sonnet',
  models: ['sonnet', 'opus', 'haiku'],
  agents: ['agent/sonnet'],
  surroundings: { platform: 'linux', home: '/home/me', environment: {} },
}

export function asMarkdown(blocks: readonly Block[]): string {
  const fenced = ({ language, text }: Block) => (text === '' ? '' : `\`\`\`${language}\n${text}\n\`\`\``)
  return blocks.map((block) => [block.intro, fenced(block)].filter(Boolean).join('\n\n')).join('\n\n')
}

export const clientParts: Part[] = Object.entries(clients)
  .filter(([name]) => !Object.hasOwn(sdks, name))
  .map(([name, { parts }]) => ({
    file: `docs/clients/${name}.md`,
    name: 'launch',
    make: () => asMarkdown(parts(shownTarget).map((part) => toBlock(part, shownTarget.surroundings))),
  }))
