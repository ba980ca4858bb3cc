// The web page: permission prompts and questions from Claude, and the effects of the answers.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../helpers/test-server.ts'
import { button, type Tab } from './page-scene.ts'
import { scene } from './shared-scene.ts'

const { cwd } = scene.server.folders

const write = (name: string, content = 'by the test', ...more: Record<string, unknown>[]) =>
  [{ tool: 'Write', input: { file_path: join(cwd, name), content } }, ...more, { text: 'All done.' }].map(step).join('')

const cardOf = ({ page }: Tab, tool = 'Write') => page.getByRole('region', { name: `Permission to use ${tool}` })
const fileOf = (name: string) => readFileSync(join(cwd, name), 'utf8')

const question = (fields: Record<string, unknown>) => ({
  question: 'Which color?',
  header: 'Color',
  multiSelect: false,
  options: [
    { label: 'Blue', description: 'Calm' },
    { label: 'Orange', description: 'Bright' },
  ],
  ...fields,
})

/** Claude asks these questions. */
const questionSteps = (...questions: object[]) =>
  step({ tool: 'AskUserQuestion', input: { questions } }) + step({ text: 'I see.' })

/** The answers as the CLI passed them to Claude, from the events of the run. */
async function submittedAnswers(): Promise<string> {
  const { id } = await scene.newestRun()
  const response = await fetch(`${scene.server.url}/v1/runs/${id}/events?events=full`)
  const events = [...(await response.text()).matchAll(/^data: ?(.*)$/gm)].map(([, data = '']) => JSON.parse(data))
  return events.find(({ type }) => type === 'tool_result').text
}

scene.test('approvals in a conversation', async (tab, t) => {
  await t.test('an allowed tool runs', async () => {
    await tab.send(write('allowed.txt'))
    const card = cardOf(tab)
    await card.getByText(join(cwd, 'allowed.txt')).first().waitFor()
    await tab.page.getByRole('status').getByText('Claude is asking for permission to use Write.').waitFor()
    assert.equal(existsSync(join(cwd, 'allowed.txt')), false)
    assert.equal((await scene.newestRun()).status, 'waiting')
    await button(card, 'Allow').click()
    await tab.settled()
    assert.equal(fileOf('allowed.txt'), 'by the test')
    await tab.answer.getByText('Permission to use Write: allowed.').waitFor()
    await tab.answer.getByText('All done.').waitFor()
  })

  await t.test('a denied tool does not run, and Claude receives the reason', async () => {
    await tab.send(write('denied.txt'))
    const card = cardOf(tab)
    await card.getByText('Edit the input or explain a denial').click()
    await card.getByLabel('Explanation for Claude if you deny').fill('not in <this> folder')
    await button(card, 'Deny').click()
    await tab.settled()
    assert.equal(existsSync(join(cwd, 'denied.txt')), false)
    await tab.answer.getByText('Permission to use Write: denied.').waitFor()
    await tab.answer.getByText('failed', { exact: true }).click()
    await tab.answer.getByText('not in <this> folder').waitFor()
    await tab.answer.getByText('Write was not allowed.').waitFor()
  })

  await t.test('the input of a tool can be edited, but must stay valid JSON', async () => {
    await tab.send(write('before.txt'))
    const card = cardOf(tab)
    await card.getByText('Edit the input or explain a denial').click()
    const input = card.getByLabel('Input')
    const before = await input.inputValue()
    assert.deepEqual(JSON.parse(before), { file_path: join(cwd, 'before.txt'), content: 'by the test' })
    await input.fill('{ "file_path": ')
    await button(card, 'Allow').click()
    await card.getByRole('alert').getByText('The input must be valid JSON').waitFor()
    assert.equal((await scene.newestRun()).status, 'waiting')
    await input.fill(before.replace('before.txt', 'after.txt').replace('by the test', 'by hand'))
    await button(card, 'Allow').click()
    await tab.settled()
    assert.equal(existsSync(join(cwd, 'before.txt')), false)
    assert.equal(fileOf('after.txt'), 'by hand')
  })

  await t.test('each of several questions needs an answer, which can be several options or free text', async () => {
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
    await tab.send(questionSteps(question({}), question(animals)))
    const card = tab.page.getByRole('form', { name: 'Question from Claude' })
    const many = card.getByRole('group', { name: 'Which animals?' })
    await many.getByRole('checkbox', { name: 'Ant' }).check()
    await many.getByRole('checkbox', { name: 'Bee' }).check()
    await many.getByRole('checkbox', { name: 'Cow' }).check()
    await many.getByRole('checkbox', { name: 'Bee' }).uncheck()
    assert.equal(await button(card, 'Answer').isEnabled(), false)
    await card.getByRole('group', { name: 'Which color?' }).getByLabel('In your own words').fill('like the sea')
    await button(card, 'Answer').click()
    await tab.settled()
    const answers = await submittedAnswers()
    assert.match(answers, /like the sea/)
    assert.match(answers, /Ant.*Cow/)
    assert.doesNotMatch(answers, /Bee/)
  })

  await t.test('stopping a run that waits for permission does not allow the tool', async () => {
    await tab.send(write('never.txt'))
    await cardOf(tab).waitFor()
    await tab.page.keyboard.press('Escape')
    await tab.answer.getByText('not answered before the run ended').waitFor()
    await tab.settled()
    assert.equal((await scene.newestRun()).status, 'cancelled')
    assert.equal(existsSync(join(cwd, 'never.txt')), false)
  })
})

scene.extendedTest('rarer approvals in a conversation', async (tab, t) => {
  await t.test('a question can be answered with an option', async () => {
    await tab.send(questionSteps(question({})))
    const card = tab.page.getByRole('form', { name: 'Question from Claude' })
    const group = card.getByRole('group', { name: 'Which color?' })
    assert.equal(await button(card, 'Answer').isEnabled(), false)
    await group.getByRole('radio', { name: 'Blue' }).check()
    await group.getByRole('radio', { name: 'Orange' }).check()
    assert.equal(await group.getByRole('radio', { name: 'Blue' }).isChecked(), false)
    await button(card, 'Answer').click()
    await tab.settled()
    await tab.answer.getByText('Question from Claude: answered.').waitFor()
    const answers = await submittedAnswers()
    assert.match(answers, /"Orange"/)
    assert.doesNotMatch(answers, /"Blue"/)
  })

  await t.test('the card disappears if somebody else answers', async () => {
    await tab.send(write('elsewhere.txt'))
    await cardOf(tab).waitFor()
    const { id, pending } = await scene.newestRun()
    await scene.api(`/v1/runs/${id}/permissions/${pending[0]?.request_id}`, { json: { behavior: 'allow' } })
    await cardOf(tab).waitFor({ state: 'detached' })
    await tab.settled()
    assert.equal(fileOf('elsewhere.txt'), 'by the test')
  })

  await t.test('an answer that fails shows an error and can be sent again', async () => {
    await tab.page.route('**/permissions/*', (route) => route.abort(), { times: 1 })
    await tab.send(write('again.txt'))
    const card = cardOf(tab)
    await button(card, 'Allow').click()
    await card.getByRole('alert').getByText('The server cannot be reached').waitFor()
    await button(card, 'Allow').click()
    await tab.settled()
    assert.equal(fileOf('again.txt'), 'by the test')
    tab.expectError(/net::ERR_FAILED/)
  })

  await t.test('the permission prompt shows the complete input of the tool', async () => {
    const input = { command: 'touch a-file', timeout: 4321, description: 'Touch a file', run_in_background: true }
    await tab.send(step({ tool: 'Bash', input }) + step({ text: 'Done so.' }))
    const card = cardOf(tab, 'Bash')
    await card.getByText('touch a-file').first().waitFor()
    const shown = await card.innerText()
    assert.match(shown, /4321/)
    assert.match(shown, /run_in_background/)
    await button(card, 'Deny').click()
    await tab.settled()
  })

  await t.test('a tool allowed for the conversation does not prompt again in it', async () => {
    const second = { tool: 'Write', input: { file_path: join(cwd, 'second.txt'), content: '2' } }
    await tab.send(write('first.txt', '1', second))
    await button(cardOf(tab), 'Allow for this conversation').click()
    await tab.settled()
    assert.deepEqual([fileOf('first.txt'), fileOf('second.txt')], ['1', '2'])
    assert.equal(await tab.answer.getByText('Permission to use Write: allowed.').count(), 1)
    await tab.send(write('third.txt', '3'))
    await tab.answer.getByText('All done.').waitFor()
    await tab.settled()
    assert.equal(fileOf('third.txt'), '3')
  })
})
