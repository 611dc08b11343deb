"""Words of courtesy, in several languages: an outer sentence made of nothing else says nothing about the task."""

from __future__ import annotations

_WORDS = """
a abend able about advance afternoon again ahoj ai aide aider aiutarmi aiuto ajuda ajudar all allez alsjeblieft
am an and another answer antemano any anything apologies appreciate appreciated are as asap ask asking assist
assistance assistant assisting at avance avec ayuda ayudame ayudarme ayúdame bana bantu be beaucoup because been
being below besoin best bien bisogno bitte boa bom bonjour bonsoir bot bother bothering brauche buenas buenos
buonasera buongiorno busy but by bye can care ceci chatgpt cheers chào ciao claude com con could cześć cảm d
dabei dank danke day de dear den dias did dir disturb do dobry dobrý does doing don done down dzień dzięki
dziękuję días díky děkuji eder el es espero espère esto estés evening everyone everything excuse favor favore
favour few find finds fine folks following for forward forwards friend from geht gemini get give giúp glad going
good got gracias grateful grazie great greetings gut guten had hallo halo hand handle hands has have hearing hej
helfen hello help helping here hey hi hiermit hilfe hiya hmm ho hoffe hoi hola hope hopefully hoping how i ich
if ihnen il in is isso it j je just kannst kasih kind kindly know kun kunt können könnten könntest la lend let
lets like little ll look looking lovely lütfen m madam many matter may me merci merhaba message mi might mind
minute mir misin moment more morgen morning możesz much muchas my můžete můžeš necesito need needed needs new
next nice noite not now obrigada obrigado of oi ok okay ola olá on one ones or out per peux plait plaît pleasant
please pls plz pode poderia podria podrías pomoc pomoz pomozte pomóc por possible potresti pourriez pouvez
preciso proszę prosím puedes puoi que question questions questo quick quickly re really regards reply request
requests respond s salut saya second selam short should sir small so some something soon sorry still super
support svp t tag take tarde tardes task te team tell terima teşekkürler thank thanks that the there these thing
things this those thx time to today tolong too trouble truly trust tu ty tím tôi uh um umm un una up us ve very
vielen voraus vous với want wanted wants was we week weekend wel well were what whats when where which who will
with wonderful wondering would xin yardım yo you your ơn будь вечер день добрый допоможи дякую здравствуйте
ласка мне можете можешь нужна пожалуйста помоги помогите помощь привет привіт с спасибо этим
"""
COURTESY: frozenset[str] = frozenset(_WORDS.split())
