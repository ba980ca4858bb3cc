// Colours for code: the languages that people ask about most. Loaded when the first block of code is shown.
import bash from 'highlight.js/lib/languages/bash'
import c from 'highlight.js/lib/languages/c'
import cpp from 'highlight.js/lib/languages/cpp'
import csharp from 'highlight.js/lib/languages/csharp'
import css from 'highlight.js/lib/languages/css'
import diff from 'highlight.js/lib/languages/diff'
import dockerfile from 'highlight.js/lib/languages/dockerfile'
import go from 'highlight.js/lib/languages/go'
import ini from 'highlight.js/lib/languages/ini'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import kotlin from 'highlight.js/lib/languages/kotlin'
import makefile from 'highlight.js/lib/languages/makefile'
import markdown from 'highlight.js/lib/languages/markdown'
import php from 'highlight.js/lib/languages/php'
import python from 'highlight.js/lib/languages/python'
import ruby from 'highlight.js/lib/languages/ruby'
import rust from 'highlight.js/lib/languages/rust'
import shell from 'highlight.js/lib/languages/shell'
import sql from 'highlight.js/lib/languages/sql'
import swift from 'highlight.js/lib/languages/swift'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'
import { createLowlight } from 'lowlight'

const lowlight = createLowlight({
  bash,
  c,
  cpp,
  csharp,
  css,
  diff,
  dockerfile,
  go,
  ini,
  java,
  javascript,
  json,
  kotlin,
  makefile,
  markdown,
  php,
  python,
  ruby,
  rust,
  shell,
  sql,
  swift,
  typescript,
  xml,
  yaml,
})

/** A piece of code, and of what kind it is (`hljs-…`). */
export type Coloured = { text: string; kind: string | null }

/** Null for a language that is not known. */
export function highlight(text: string, language: string): Coloured[] | null {
  if (!lowlight.registered(language)) return null
  const found: Coloured[] = []
  type Node = ReturnType<typeof lowlight.highlight>['children'][number]
  const read = (node: Node, kind: string | null) => {
    if (node.type === 'text') found.push({ text: node.value, kind })
    if (node.type !== 'element') return
    const [own] = Array.isArray(node.properties.className) ? node.properties.className : []
    for (const child of node.children) read(child as Node, own === undefined ? kind : String(own))
  }
  for (const child of lowlight.highlight(language, text).children) read(child, null)
  return found
}
