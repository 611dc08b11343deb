// openai-node against the gateway, once: prints the error it raises as JSON. Run by tests/faults/test_sdks.py.
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: process.env.GATEWAY_URL, apiKey: 'none' })
const stream = process.env.STREAM === 'yes'
try {
  const answer = await client.chat.completions.create({
    model: 'auto',
    messages: [{ role: 'user', content: 'Count to four' }],
    stream,
  })
  let text = ''
  if (stream) for await (const chunk of answer) text += chunk.choices[0]?.delta?.content ?? ''
  console.log(JSON.stringify({ text: stream ? text : answer.choices[0].message.content }))
} catch (error) {
  console.log(JSON.stringify({ name: error.constructor.name, status: error.status ?? null, code: error.code ?? null }))
}
