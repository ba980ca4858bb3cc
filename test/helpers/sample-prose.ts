// Prose in several languages, at least 500 characters each, for tests that depend on the form of a text, not its
// content.

export const english = `
The old ferry left the harbour a little after six, when the first lights were already burning in the houses along the
quay. There were only a handful of passengers: two students with bicycles, a woman who carried a cello on her back, and
an elderly man who told everybody, whether they wanted to hear it or not, that he had made this crossing more than a
thousand times. Nobody believed him at first. But he knew the names of all the rocks, and he could say, before the
captain did, where the current would turn and how long it would take until the wind died down behind the island.
By the time the boat arrived, even the students had put their phones away and were listening.
`

export const german = `
Die meisten Menschen bemerken erst beim Umzug, wie viele Gegenstände sich im Laufe der Jahre angesammelt haben. In den
Schränken liegen Bedienungsanleitungen für Geräte, die es längst nicht mehr gibt, daneben Schlüssel, von denen niemand
mehr weiß, zu welchem Schloss sie gehören. Wer rechtzeitig anfängt, kann vieles verschenken oder verkaufen; wer bis zur
letzten Woche wartet, packt am Ende alles in Kisten und schleppt es in die neue Wohnung. Dort stehen die Kisten dann
ungeöffnet im Keller, bis der nächste Umzug bevorsteht. Vielleicht wäre es vernünftiger, jeden Monat einen einzigen
Schrank aufzuräumen und sich dabei ehrlich zu fragen, was man davon in den vergangenen Jahren wirklich gebraucht hat.
`

export const french = `
Au début, personne ne croyait que le petit marché du quartier survivrait à l'ouverture du supermarché. Pourtant, chaque
samedi matin, les gens continuaient à venir avec leurs paniers, parce qu'ils connaissaient les vendeurs par leur prénom et
que les tomates avaient encore le goût de l'été. Le boulanger gardait toujours deux pains pour la vieille dame du
troisième étage, et le poissonnier expliquait volontiers comment préparer ce qu'il vendait. Peu à peu, les jeunes familles
ont pris l'habitude d'y passer la matinée, et la mairie a fini par fermer la rue aux voitures pendant quelques heures.
`

export const russian = `
Поезд пришёл на маленькую станцию рано утром, когда над рекой ещё стоял густой туман. На платформе никого не было, кроме
дежурного, который медленно ходил вдоль путей и проверял фонари. Мы вышли из вагона, поставили чемоданы на скамейку и
стали ждать автобуса. Через полчаса подошла женщина с корзиной яблок и рассказала, что автобус сегодня не приедет: дорогу
размыло после дождя. Зато её брат едет в город на грузовике и может нас подвезти, если мы не боимся тряски. Так мы
познакомились с человеком, который потом показал нам и старую крепость, и лучшие места для рыбалки, и тропинку к озеру.
`

export const chinese = `
去年秋天，我们公司决定把旧的订单系统换成新的。刚开始的时候，大家都觉得三个月就可以完成，因为新的系统看起来很简单，文档也写得很清楚。
可是真正开始以后，问题一个接一个地出现：旧的数据里有很多重复的客户，有些地址已经不存在了，还有一些订单的状态谁也说不清楚是什么意思。
我们只好先停下来，花了两个星期的时间整理数据。负责仓库的同事每天下班以后都留下来帮忙，他们最了解每个编号背后的故事。
后来我们学会了一件事情：不要一次把所有的东西都搬过去，而是先选一个小的部门，让他们用新的系统工作一个月，然后再根据他们的意见进行修改。
这样虽然慢一点，但是每一步都很稳。到了春天，最后一个部门也开始使用新的系统了。回头看的时候，大家都说，最困难的不是技术，而是改变习惯。
现在如果有人问我，换系统之前应该准备什么，我会告诉他：先去仓库看一看，和每天使用系统的人聊一聊，把他们最担心的事情写下来，然后再写计划。
另外，一定要留出足够的时间做测试，因为总会有意想不到的情况发生，比如打印机不能用，或者网络突然断开，又或者有人忘记了自己的密码。
如果经理问为什么还没有结束，就请他自己来录入十张订单，他马上就会明白，耐心比速度更重要，大家一起学习才是最快的办法。
`

export const japanese = `
祖母の家は山のふもとの小さな村にあって、夏休みになると毎年そこで過ごすのが楽しみでした。朝は鳥の声で目が覚めて、庭に出ると冷たい井戸の水で顔を洗います。
朝ごはんには畑で取れたばかりのきゅうりやトマトが並び、祖母が作った味噌汁の香りが台所いっぱいに広がっていました。
昼間は川で泳いだり、虫を捕まえたり、近所の子どもたちと神社の境内でかくれんぼをしたりして、時間がたつのを忘れるほど遊びました。
夕方になると空が赤く染まり、遠くの山の向こうに太陽がゆっくりと沈んでいきます。夜は縁側に座って、祖母が昔の話をしてくれました。
戦争のころの苦労や、祖父と初めて会った日のことなど、何度聞いても飽きることがありませんでした。
大人になった今でも、忙しい毎日の中でふとあの夏のことを思い出します。もう祖母はいませんが、あの家にはまだ叔父が住んでいて、
井戸の水も昔と同じように冷たいそうです。来年の夏には自分の子どもを連れて、久しぶりに村を訪ねてみたいと思っています。
子どもたちがあの川で泳ぎ、同じ空を見上げてくれたら、きっと祖母もどこかで喜んでくれるのではないでしょうか。
帰りの電車の中では、撮った写真を見ながら、次はいつ来られるだろうかと話すことになるでしょう。
`

export const korean = `
처음 자전거로 출근하기로 결심했을 때 가족들은 모두 걱정했습니다. 집에서 회사까지는 십이 킬로미터가 넘고, 중간에 큰 언덕이 두 개나 있기 때문입니다.
첫날에는 너무 힘들어서 회사에 도착하자마자 의자에 앉아 한참 동안 움직이지 못했습니다. 하지만 일주일이 지나자 조금씩 익숙해졌고,
한 달 뒤에는 지하철을 탈 때보다 오히려 덜 피곤하다는 것을 알게 되었습니다. 강변을 따라 달리면 계절이 바뀌는 것을 매일 느낄 수 있습니다.
봄에는 벚꽃이 길을 덮고, 여름에는 이른 아침의 시원한 바람이 불고, 가을에는 억새가 햇빛에 반짝입니다. 물론 비가 오는 날에는 버스를 탑니다.
가장 좋은 점은 퇴근길에 머릿속을 정리할 시간이 생긴다는 것입니다. 회의에서 있었던 일을 다시 생각해 보기도 하고, 아무 생각 없이 페달만 밟기도 합니다.
이제는 동료 세 명도 함께 자전거를 타기 시작해서, 금요일 저녁에는 같이 한강까지 달린 다음 간단하게 저녁을 먹고 헤어집니다.
내년에는 다 같이 바다까지 달려 보자는 이야기도 나왔는데, 아직 아무도 연습을 시작하지는 않았습니다.
`

export const arabic = `
في كل صباح يفتح العم صالح دكانه الصغير عند زاوية الشارع قبل أن تستيقظ المدينة. يرتب الكتب القديمة على الرفوف ويمسح الغبار
عن الأغلفة ثم يجلس قرب الباب وينتظر أول الزبائن. يعرف معظم الذين يمرون أمامه بأسمائهم، ويسأل كل واحد منهم عن أحوال أهله.
لا يبيع كثيرا من الكتب هذه الأيام، لأن الناس صاروا يقرؤون على شاشات هواتفهم، لكنه يقول دائما إن الكتاب الورقي له رائحة لا
تشبهها أي رائحة أخرى. وعندما يأتي طالب فقير يبحث عن كتاب للجامعة، يعيره إياه دون مقابل ويطلب منه أن يعيده في نهاية السنة.
وفي المساء يشرب الشاي مع جيرانه ويحكي لهم حكايات عن أيام شبابه في الميناء.
`
