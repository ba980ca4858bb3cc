// The completion script for zsh: for a folder of its fpath, or to be read in at its start.
import { type CompletionPoint, patterns, quote, steps, type Value, valueFlags, type Word } from './words.ts'

export function zshScript(places: readonly CompletionPoint[]): string {
  return `#compdef claude-serve
# zsh completion for claude-serve; made by: claude-serve completion zsh

_claude-serve-value() {
  case $1 in
${valueFlags(places)
  .flatMap(({ key, value }) => arm(key, value))
  .join('\n')}
  esac
}

_claude-serve() {
  local at='' option='' ended='' word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $option ]]; then
      option=''
      continue
    fi
    case $word in
      --) ended=1; break ;;
      -*)
        case $at/$word in
          (${patterns(valueFlags(places).map(({ key }) => key))}) option=$word ;;
        esac ;;
      *)
        case $at/$word in
${steps(places)
  .map(({ from, to }) => `          (${quote(from)}) at=${quote(to)} ;;`)
  .join('\n')}
        esac ;;
    esac
  done
  if [[ -n $option ]]; then
    _claude-serve-value $at/$option
  elif [[ -z $ended && $PREFIX == --*=* ]]; then
    option=\${PREFIX%%=*}
    compset -P '*='
    _claude-serve-value $at/$option
  elif [[ -z $ended && $PREFIX == -* ]]; then
    case $at in
${places.map(({ at, flags }) => `      (${quote(at)}) found=(${items(flags)}) ;;`).join('\n')}
    esac
    _describe -o option found
  else
    case $at in
${places.flatMap(wordsArm).join('\n')}
    esac
  fi
}

if [[ $funcstack[1] == _claude-serve ]]; then
  _claude-serve "$@"
else
  compdef _claude-serve claude-serve
fi
`
}

/** As _describe takes them: what stands before the first colon is the word. */
const items = (words: readonly Word[]) =>
  words.map(({ name, description }) => quote(`${name.replaceAll(':', '\\:')}:${description}`)).join(' ')

function wordsArm({ at, words, argument }: CompletionPoint): string[] {
  if (words.length > 0) return [`      (${quote(at)}) found=(${items(words)}); _describe command found ;;`]
  return argument === null ? [] : arm(at, argument).map((line) => `    ${line}`)
}

function arm(key: string, value: Value): string[] {
  switch (value.kind) {
    case 'words':
      return [`    (${quote(key)}) compadd -- ${value.words.map(quote).join(' ')} ;;`]
    case 'file':
      return [`    (${quote(key)}) _files ;;`]
    case 'folder':
      return [`    (${quote(key)}) _files -/ ;;`]
    case 'any':
      return []
  }
}
