// The completion script for fish.
import { type CompletionPoint, type Flag, steps, type Value, valueFlags } from './words.ts'

export function fishScript(places: readonly CompletionPoint[]): string {
  return `# fish completion for claude-serve; made by: claude-serve completion fish

# The command that stands before the cursor.
function __claude_serve_at
    set -l at ''
    set -l option ''
    for word in (commandline -opc)[2..-1]
        if test -n "$option"
            set option ''
            continue
        end
        switch "$word"
            case '--'
                break
            case '-*'
                switch "$at/$word"
                    case ${valueFlags(places)
                      .map(({ key }) => quote(key))
                      .join(' ')}
                        set option "$word"
                end
            case '*'
                switch "$at/$word"
${steps(places)
  .map(({ from, to }) => `                    case ${quote(from)}\n                        set at ${quote(to)}`)
  .join('\n')}
                end
        end
    end
    test "$at" = "$argv[1]"
end

complete -c claude-serve -f
${places.flatMap(linesOf).join('\n')}
`
}

const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function linesOf(place: CompletionPoint): string[] {
  const condition = `-n ${quote(`__claude_serve_at ${quote(place.at)}`)}`
  const words = place.words.map(
    ({ name, description }) => `complete -c claude-serve ${condition} -a ${quote(name)} -d ${quote(description)}`,
  )
  const argument = place.argument === null ? '' : takes(place.argument)
  return [
    ...words,
    ...(argument === '' ? [] : [`complete -c claude-serve ${condition} ${argument}`]),
    ...place.flags.map((flag) => flagLine(flag, condition)),
  ]
}

function flagLine({ name, description, value }: Flag, condition: string): string {
  const spelling = name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`
  const wants = value === null ? '' : value.kind === 'file' ? ' -r -F' : ` -x ${takes(value)}`.trimEnd()
  return `complete -c claude-serve ${condition} ${spelling}${wants} -d ${quote(description)}`
}

function takes(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `-a ${quote(value.words.join(' '))}`
    case 'file':
      return '-F'
    case 'folder':
      return `-a '(__fish_complete_directories)'`
    case 'any':
      return ''
  }
}
