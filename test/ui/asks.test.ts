// The web page: what Claude asks a person, a permission or a question, and what comes of the answers.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../helpers/test-server.ts'
import { button, openPageScene, type Tab } from './page-scene.ts'

const scene = await openPageScene()
const { cwd } = scene.server.folders

const write = (name: string, content = 'by the test', ...more: Record<string, unknown>[]) =>
  [{ tool: 'Write', input: { file_path: join(cwd, name), content } }, ...more, { text: 'That was it.' }]
    .map(step)
    .join('')

const cardOf = ({ page }: Tab, tool = 'Write') => page.getByRole('region', { name: `Permission to use ${tool}` })
const fileOf = (name: string) => readFileSync(join(cwd, name), 'utf8')

scene.test('a tool that was allowed has done its work', async (tab) => {
  await tab.ask(write('allowed.txt'))
  const card = cardOf(tab)
  await card.getByText(join(cwd, 'allowed.txt')).first().waitFor()
  await tab.page.getByRole('status').getByText('Claude asks for permission to use Write.').waitFor()
  assert.equal(existsSync(join(cwd, 'allowed.txt')), false)
  assert.equal((await scene.newestRun()).status, 'waiting')
  await button(card, 'Allow').click()
  await tab.settled()
  assert.equal(fileOf('allowed.txt'), 'by the test')
  await tab.answer.getByText('Claude’s permission to use Write: allowed.').waitFor()
  await tab.answer.getByText('That was it.').waitFor()
})

scene.test('a tool that was denied has done nothing, and Claude is told why', async (tab) => {
  await tab.ask(write('denied.txt'))
  const card = cardOf(tab)
  await card.getByText('Change it, or say why not').click()
  await card.getByLabel('What Claude is told where you deny it').fill('not in <this> folder')
  await button(card, 'Deny').click()
  await tab.settled()
  assert.equal(existsSync(join(cwd, 'denied.txt')), false)
  await tab.answer.getByText('Claude’s permission to use Write: denied.').waitFor()
  await tab.answer.getByText('failed', { exact: true }).click()
  await tab.answer.getByText('not in <this> folder').waitFor()
  await tab.answer.getByText('Write was not allowed.').waitFor()
})

scene.test('what was allowed for the conversation is not asked again in it', async (tab) => {
  const second = { tool: 'Write', input: { file_path: join(cwd, 'second.txt'), content: '2' } }
  await tab.ask(write('first.txt', '1', second))
  await button(cardOf(tab), 'Allow for this conversation').click()
  await tab.settled()
  assert.deepEqual([fileOf('first.txt'), fileOf('second.txt')], ['1', '2'])
  assert.equal(await tab.answer.getByText('Claude’s permission to use Write: allowed.').count(), 1)
  await tab.ask(write('third.txt', '3'))
  await tab.answer.getByText('That was it.').waitFor()
  await tab.settled()
  assert.equal(fileOf('third.txt'), '3')
})

scene.test('the input of a tool can be changed, but not into something that is no JSON', async (tab) => {
  await tab.ask(write('before.txt'))
  const card = cardOf(tab)
  await card.getByText('Change it, or say why not').click()
  const input = card.getByLabel('Its input')
  const before = await input.inputValue()
  assert.deepEqual(JSON.parse(before), { file_path: join(cwd, 'before.txt'), content: 'by the test' })
  await input.fill('{ "file_path": ')
  await button(card, 'Allow').click()
  await card.getByRole('alert').getByText('The input is no JSON').waitFor()
  assert.equal((await scene.newestRun()).status, 'waiting')
  await input.fill(before.replace('before.txt', 'after.txt').replace('by the test', 'by me'))
  await button(card, 'Allow').click()
  await tab.settled()
  assert.equal(existsSync(join(cwd, 'before.txt')), false)
  assert.equal(fileOf('after.txt'), 'by me')
})

const question = (fields: Record<string, unknown>) => ({
  question: 'Which colour?',
  header: 'Colour',
  multiSelect: false,
  options: [
    { label: 'Blue', description: 'Calm' },
    { label: 'Orange', description: 'Bright' },
  ],
  ...fields,
})

/** Claude asks, and says what it was told. */
const askQuestions = (...questions: object[]) =>
  step({ tool: 'AskUserQuestion', input: { questions } }) + step({ text: 'I see.' })

/** The answers as the CLI had them told, in the events of the run. */
async function toldAnswers(): Promise<string> {
  const { id } = await scene.newestRun()
  const response = await fetch(`${scene.server.url}/v1/runs/${id}/events?events=full`)
  const events = [...(await response.text()).matchAll(/^data: ?(.*)$/gm)].map(([, data = '']) => JSON.parse(data))
  return events.find(({ type }) => type === 'tool_result').text
}

scene.test('a question is answered by an option', async (tab) => {
  await tab.ask(askQuestions(question({})))
  const card = tab.page.getByRole('form', { name: 'Claude asks' })
  const group = card.getByRole('group', { name: 'Which colour?' })
  assert.equal(await button(card, 'Answer').isEnabled(), false)
  await group.getByRole('radio', { name: 'Blue' }).check()
  await group.getByRole('radio', { name: 'Orange' }).check()
  assert.equal(await group.getByRole('radio', { name: 'Blue' }).isChecked(), false)
  await button(card, 'Answer').click()
  await tab.settled()
  await tab.answer.getByText('Claude’s question: answered.').waitFor()
  const told = await toldAnswers()
  assert.match(told, /"Orange"/)
  assert.doesNotMatch(told, /"Blue"/)
})

scene.test('several questions need an answer each: several options, and own words', async (tab) => {
  const animals = {
    question: 'Which animals?',
    header: 'Animals',
    multiSelect: true,
    options: [
      { label: 'Ant', description: 'small' },
      { label: 'Bee', description: 'busy' },
      { label: 'Cow', description: 'calm' },
    ],
  }
  await tab.ask(askQuestions(question({}), question(animals)))
  const card = tab.page.getByRole('form', { name: 'Claude asks' })
  const many = card.getByRole('group', { name: 'Which animals?' })
  await many.getByRole('checkbox', { name: 'Ant' }).check()
  await many.getByRole('checkbox', { name: 'Bee' }).check()
  await many.getByRole('checkbox', { name: 'Cow' }).check()
  await many.getByRole('checkbox', { name: 'Bee' }).uncheck()
  assert.equal(await button(card, 'Answer').isEnabled(), false)
  await card.getByRole('group', { name: 'Which colour?' }).getByLabel('In your own words').fill('like the sea')
  await button(card, 'Answer').click()
  await tab.settled()
  const told = await toldAnswers()
  assert.match(told, /like the sea/)
  assert.match(told, /Ant.*Cow/)
  assert.doesNotMatch(told, /Bee/)
})

scene.test('where somebody else answers, the card goes', async (tab) => {
  await tab.ask(write('elsewhere.txt'))
  await cardOf(tab).waitFor()
  const { id, pending } = await scene.newestRun()
  await scene.api(`/v1/runs/${id}/permissions/${pending[0]?.request_id}`, { json: { behavior: 'allow' } })
  await cardOf(tab).waitFor({ state: 'detached' })
  await tab.settled()
  assert.equal(fileOf('elsewhere.txt'), 'by the test')
})

scene.test('an answer that the server refuses is told, and can be given again', async (tab) => {
  await tab.page.route('**/permissions/*', (route) => route.abort(), { times: 1 })
  await tab.ask(write('again.txt'))
  const card = cardOf(tab)
  await button(card, 'Allow').click()
  await card.getByRole('alert').getByText('The server cannot be reached').waitFor()
  await button(card, 'Allow').click()
  await tab.settled()
  assert.equal(fileOf('again.txt'), 'by the test')
  tab.expectFault(/net::ERR_FAILED/)
})

scene.test('what is stopped while it waits has not been allowed', async (tab) => {
  await tab.ask(write('never.txt'))
  await cardOf(tab).waitFor()
  await tab.page.keyboard.press('Escape')
  await tab.answer.getByText('not answered: the run ended first').waitFor()
  await tab.settled()
  assert.equal((await scene.newestRun()).status, 'cancelled')
  assert.equal(existsSync(join(cwd, 'never.txt')), false)
})

scene.test('of what a tool is going to do everything is shown before it is allowed', async (tab) => {
  const input = { command: 'touch a-file', timeout: 4321, description: 'Touch a file', run_in_background: true }
  await tab.ask(step({ tool: 'Bash', input }) + step({ text: 'Done so.' }))
  const card = cardOf(tab, 'Bash')
  await card.getByText('touch a-file').first().waitFor()
  const shown = await card.innerText()
  assert.match(shown, /4321/)
  assert.match(shown, /run_in_background/)
  await button(card, 'Deny').click()
  await tab.settled()
})
