// The job with amqplib and pg, as https://amqp-node.github.io/amqplib/ and https://node-postgres.com/ show.
const amqp = require('amqplib');
const { Pool } = require('pg');
const { parsePhoneNumberFromString } = require('libphonenumber-js/max');

const PREFETCH = 100;

function normalized(event) {
  const number = parsePhoneNumberFromString(event.phone, 'IN');
  if (!number || !number.isValid()) throw new Error('no phone number');
  return { ...event, phone: number.format('E.164') };
}

async function apply(pool, event) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rowCount } = await client.query({
      name: 'applied',
      text: 'INSERT INTO applied (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true',
      values: [event.event_id],
    });
    if (rowCount) {
      await client.query({
        name: 'person',
        text: `INSERT INTO person (phone, name, email, city) VALUES ($1, $2, $3, $4) ON CONFLICT (phone)
          DO UPDATE SET name = excluded.name, email = excluded.email, city = excluded.city`,
        values: [event.phone, event.name, event.email, event.city],
      });
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

async function consume(connection, queue, next, work) {
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.prefetch(PREFETCH);
  await channel.consume(queue, async (message) => {
    const done = await work(JSON.parse(message.content.toString()));
    if (!next) return channel.ack(message);
    const body = Buffer.from(JSON.stringify(done));
    channel.sendToQueue(next, body, { persistent: true, mandatory: true }, (error) =>
      error ? channel.nack(message) : channel.ack(message));
  });
}

async function main() {
  const pool = new Pool({ max: 10 }); // PGHOST, PGUSER and PGDATABASE say where
  const connection = await amqp.connect(process.env.AMQP);
  await consume(connection, 'normalize', 'upsert', async (event) => normalized(event));
  await consume(connection, 'upsert', 'log', async (event) => { await apply(pool, event); return event; });
  await consume(connection, 'log', null, (event) => pool.query({
    name: 'logged',
    text: 'INSERT INTO logged (id, request) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    values: [event.event_id, JSON.stringify(event)],
  }));
}

main();
