import { Button, Tabs, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, body } from '@/api/client';
import { asProblem } from '@/api/problem';
import { useMay, useTenant } from '@/app/tenant';
import { CodeBlock } from '@/components/Mono';
import { ProblemText } from '@/components/ProblemText';
import { onboarding } from '@/strings/onboarding';
import classes from './onboarding.module.css';
import { Step } from './Step';
import { LANGUAGES, type Language, snippet } from './snippets';

const NO_KEY = '$SEGOPS_API_KEY';

/** Snippets with the real address and key. */
export function SendStep({ secret, sent }: { secret: string | null; sent: boolean }) {
  const words = onboarding.send;
  const [language, setLanguage] = useState<Language>('curl');
  const [pageKey, setPageKey] = useState<string | null>(null);
  const key = language === 'script' ? pageKey : secret;
  return (
    <Step number={2} title={words.title} done={sent}>
      <p className="dim">{secret === null && language !== 'script' ? words.noKey : words.detail}</p>
      <Tabs value={language} onChange={(next) => setLanguage(next as Language)} keepMounted={false}>
        <Tabs.List>
          {LANGUAGES.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {words.tabs[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={language} pt="sm">
          {language === 'script' && pageKey === null ? (
            <PageKey onCreated={setPageKey} />
          ) : (
            <Snippets language={language} apiKey={key ?? NO_KEY} />
          )}
        </Tabs.Panel>
      </Tabs>
    </Step>
  );
}

function Snippets({ language, apiKey }: { language: Language; apiKey: string }) {
  const { install, code } = snippet(language, location.origin, apiKey);
  return (
    <div className={classes.snippets}>
      {install !== null && <CodeBlock label={onboarding.send.install}>{install}</CodeBlock>}
      <CodeBlock label={onboarding.send.code}>{code}</CodeBlock>
    </div>
  );
}

/** A page may not contain a secret key, so this makes one that may be seen. */
function PageKey({ onCreated }: { onCreated: (key: string) => void }) {
  const words = onboarding.send;
  const tenant = useTenant();
  const admin = useMay('admin');
  const [origin, setOrigin] = useState('http://localhost:3000');
  const create = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/auth/api-keys/', {
          body: { tenant: tenant.id, name: words.pageKeyName(origin), kind: 'publishable', allowed_origins: [origin] },
        }),
      ),
    onSuccess: ({ key }) => onCreated(key),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  if (!admin) return <p className="dim">{onboarding.key.notAllowed}</p>;
  return (
    <form className={classes.snippets} onSubmit={submit}>
      <p className="dim">{words.pageKey}</p>
      <TextInput
        label={words.origin}
        value={origin}
        onChange={(event) => setOrigin(event.currentTarget.value)}
        maw={340}
      />
      {create.error && <ProblemText problem={asProblem(create.error)} />}
      <Button type="submit" variant="default" loading={create.isPending} className={classes.start ?? ''}>
        {words.createPageKey}
      </Button>
    </form>
  );
}
