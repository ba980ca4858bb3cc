// The completion script for bash, from 3.2 (which macOS has) on; it needs no package.
import { type CompletionPoint, patterns, quote, steps, type Value, valueFlags } from './words.ts'

export function bashScript(places: readonly CompletionPoint[]): string {
  return `# bash completion for claude-serve; made by: claude-serve completion bash

_claude_serve_add() {
  local each
  while IFS= read -r each; do COMPREPLY+=("$each"); done
}

_claude_serve_words() {
  _claude_serve_add < <(compgen -W "$1" -- "$cur")
}

_claude_serve_files() {
  compopt -o filenames 2>/dev/null
  _claude_serve_add < <(compgen "$1" -- "$cur")
}

_claude_serve() {
  local cur=\${COMP_WORDS[COMP_CWORD]} at='' option='' ended='' word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $option ]]; then
      [[ $word == '=' ]] || option=''
      continue
    fi
    case $word in
      --) ended=1; break ;;
      -*)
        case "$at/$word" in
          ${patterns(valueFlags(places).map(({ key }) => key))}) option=$word ;;
        esac ;;
      *)
        case "$at/$word" in
${steps(places)
  .map(({ from, to }) => `          ${quote(from)}) at=${quote(to)} ;;`)
  .join('\n')}
        esac ;;
    esac
  done
  [[ $cur == '=' ]] && cur=''
  if [[ -n $option ]]; then
    case "$at/$option" in
${valueFlags(places)
  .flatMap(({ key, value }) => arm(quote(key), value))
  .join('\n')}
    esac
    return
  fi
  if [[ $cur == -* && -z $ended ]]; then
    case $at in
${places.map(({ at, flags }) => `      ${quote(at)}) _claude_serve_words ${quote(namesOf(flags))} ;;`).join('\n')}
    esac
    return
  fi
  case $at in
${places.flatMap(wordsArm).join('\n')}
  esac
}

complete -F _claude_serve claude-serve
`
}

const namesOf = (words: readonly { name: string }[]) => words.map(({ name }) => name).join(' ')

function wordsArm({ at, words, argument }: CompletionPoint): string[] {
  if (words.length > 0) return [`    ${quote(at)}) _claude_serve_words ${quote(namesOf(words))} ;;`]
  return argument === null ? [] : arm(quote(at), argument).map((line) => line.slice(2))
}

function arm(pattern: string, value: Value): string[] {
  switch (value.kind) {
    case 'words':
      return [`      ${pattern}) _claude_serve_words ${quote(value.words.join(' '))} ;;`]
    case 'file':
      return [`      ${pattern}) _claude_serve_files -f ;;`]
    case 'folder':
      return [`      ${pattern}) _claude_serve_files -d ;;`]
    case 'any':
      return []
  }
}
